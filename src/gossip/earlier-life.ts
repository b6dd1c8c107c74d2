/** Where the members of an earlier life were, as places to try: those that were alive are the last, for of too many the first are let go. */
import type { RememberedMember, Restored, Self } from '../actors/mail.ts'
import { formatPlace } from '../wire/address.ts'

export function placesOf(restored: Restored | undefined, self: Self): string[] {
  const own = formatPlace(self.ip, self.port)
  const others = (restored?.members ?? []).filter(
    ({ name, address }) => name !== self.name && address !== own,
  )
  const placed = (wanted: RememberedMember['status']) =>
    others.filter(({ status }) => status === wanted).map(placeOf)
  return [...placed('failed'), ...placed('alive')]
}

/** With its name where that can stand before an address. */
function placeOf({ name, address }: RememberedMember): string {
  return /^[!-.0-~]+$/.test(name) ? `${name}/${address}` : address
}
