/**
 * Text that stands for bytes one to one, whatever they are: for keys of maps and for compact storage, never for show. Names on the wire
 * are bytes; what is not UTF-8 must not be lost.
 */

// Names have no limit in memberlist; arguments on the stack have one.
const MOST_ARGUMENTS = 4096

export function toLatin(bytes: Uint8Array, start = 0, end = bytes.length): string {
  if (start === end) return ''
  if (end - start > MOST_ARGUMENTS) {
    return toLatin(bytes, start, start + MOST_ARGUMENTS) + toLatin(bytes, start + MOST_ARGUMENTS, end)
  }
  // Not by spreading: that walks an iterator, at ten times the cost.
  return Reflect.apply(String.fromCharCode, undefined, bytes.subarray(start, end))
}

export function fromLatin(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}
