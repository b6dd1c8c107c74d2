/**
 * A network coordinate as it rides in the payload of an ack (protocol page 2, section 2.12): one version byte and a record. What is no
 * place in any network is refused here, before anything is computed with it.
 */
import { key, Malformed, Reader, Writer } from './msgpack.ts'
import { Fields, shape } from './record.ts'

/** The version byte that everybody sends. */
const VERSION = 1

/**
 * Greatest number that is believed, in seconds: 11 days. Numbers near the end of what a double holds are valid to the original, and one
 * of them makes the next distance infinite.
 */
const FARTHEST = 1e6

/** Why a payload was refused. */
export type CoordinateRefusal = 'version' | 'malformed' | 'dimensions' | 'range'

export interface WireCoordinate {
  vector: readonly number[]
  error: number
  adjustment: number
  height: number
}

const SHAPE = new Fields(
  shape(['Adjustment', 'Error', 'Height', 'Vec'], ['Vec', 'Error', 'Adjustment', 'Height']),
)
const [ADJUSTMENT, ERROR, HEIGHT, VEC] = ['Adjustment', 'Error', 'Height', 'Vec'].map(key)
const DIMENSIONS = new Malformed('a coordinate of another dimension')
const READER = new Reader()
const WRITER = new Writer()

/** A payload with this coordinate: 130 bytes in eight dimensions. */
export function writeCoordinate({ vector, error, adjustment, height }: WireCoordinate): Uint8Array {
  const writer = WRITER.reset()
  writer.byte(VERSION)
  writer.map(4)
  writer.key(ADJUSTMENT)
  writer.float(adjustment)
  writer.key(ERROR)
  writer.float(error)
  writer.key(HEIGHT)
  writer.float(height)
  writer.key(VEC)
  writer.array(vector.length)
  for (const component of vector) writer.float(component)
  return writer.copy()
}

/** The coordinate in a payload that is not empty, or why there is none that can be used. */
export function readCoordinate(payload: Uint8Array, dimensions: number): WireCoordinate | CoordinateRefusal {
  if (payload[0] !== VERSION) return 'version'
  const coordinate = { vector: new Array<number>(0), error: 0, adjustment: 0, height: 0 }
  try {
    const reader = READER.reset(payload, 1, payload.length)
    SHAPE.begin(reader)
    for (let field = SHAPE.next(reader); field >= 0; field = SHAPE.next(reader)) {
      if (field === 0) coordinate.adjustment = reader.float()
      else if (field === 1) coordinate.error = reader.float()
      else if (field === 2) coordinate.height = reader.float()
      else coordinate.vector = readVector(reader, dimensions)
    }
  } catch (error) {
    if (error === DIMENSIONS) return 'dimensions'
    if (error instanceof Malformed) return 'malformed'
    throw error
  }
  if (coordinate.vector.length !== dimensions) return 'dimensions'
  return isPlace(coordinate) ? coordinate : 'range'
}

function readVector(reader: Reader, dimensions: number): number[] {
  const count = reader.array()
  if (count !== dimensions) throw DIMENSIONS
  // As long as it becomes: it is kept for each peer.
  const vector = new Array<number>(count)
  for (let axis = 0; axis < count; axis++) vector[axis] = reader.float()
  return vector
}

/** Whether all its numbers are ones that members take. Comparisons are false for what is no number. An error or a height below nothing would turn the forces round. */
export function isPlace({ vector, error, adjustment, height }: WireCoordinate): boolean {
  const isNear = (value: number) => Math.abs(value) <= FARTHEST
  return (
    vector.every(isNear) && isNear(error) && isNear(adjustment) && isNear(height) && error >= 0 && height >= 0
  )
}
