/** Options about files that a member keeps: what a host may say, and how it is checked. */
import { InvalidOption } from '../errors/errors.ts'

export interface FileOptions {
  /**
   * File in which the members and clocks are remembered across restarts, in Serf's format. After a restart the member rejoins those it
   * knew by itself, and no user event or query from before is seen again. Default none.
   */
  snapshotPath?: string
  /** Whether a member that left gracefully rejoins after a restart all the same. Default false. */
  rejoinAfterLeave?: boolean
  /**
   * File in which the tags are kept, a JSON object of texts. Where it exists it stands for `tags`, which are only the first ones then;
   * `setTags` writes it before anybody hears of the new tags. Default none.
   */
  tagsFile?: string
  /**
   * File in which the keys are kept, a JSON list of base64 texts, the primary first. Where it exists it stands for `encryptionKeys`,
   * which are only the first ones then; without either, `create` rejects. Every change of the keys is written before it is
   * confirmed. Default none.
   */
  keyringFile?: string
}

/** Empty paths: none. */
export type FileSettings = Required<FileOptions>

export const FILE_OPTIONS: readonly (keyof FileOptions)[] = [
  'snapshotPath',
  'rejoinAfterLeave',
  'tagsFile',
  'keyringFile',
]

export function settleFiles(options: FileOptions): FileSettings {
  const settings = {
    snapshotPath: path('snapshotPath', options.snapshotPath),
    rejoinAfterLeave: flag('rejoinAfterLeave', options.rejoinAfterLeave ?? false),
    tagsFile: path('tagsFile', options.tagsFile),
    keyringFile: path('keyringFile', options.keyringFile),
  }
  const { snapshotPath, tagsFile, keyringFile } = settings
  refuseSame('tagsFile', tagsFile, [snapshotPath])
  refuseSame('keyringFile', keyringFile, [snapshotPath, tagsFile])
  return settings
}

function path(option: string, value: unknown): string {
  if (value === undefined) return ''
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value
  throw new InvalidOption(option, value, 'the path of a file')
}

/** Two of them in one file would destroy each other. */
function refuseSame(option: string, value: string, others: readonly string[]): void {
  if (value !== '' && others.includes(value)) throw new InvalidOption(option, value, 'a file of its own')
}

function flag(option: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw new InvalidOption(option, value, 'true or false')
}
