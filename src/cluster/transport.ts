/**
 * What carries a member's packets and streams, as an interface: UDP and TCP by default, or a host's own. Packets may be lost, doubled and
 * come in any order; streams carry bytes in order, both ways, and break visibly. All methods but `bind`, `listen` and `close` return at once
 * and never throw for what the network does; events come at any time, but not before the promise of `bind` or `listen` is made.
 *
 *     detector  -- packets() -->  one packet socket;  -- streams() -->  dials for pings where packets do not get through
 *     gossip    -- streams() -->  one listener, and dials for push/pulls
 *
 * In the placement `per-actor` the two live in threads of their own, each with its own copy of the transport's module.
 */

/** Makes the packet sockets and stream sides of one member. Each is made anew for every try to bind it. */
export interface Transport {
  /** The IP at which this transport is reached: the default of the option `bind`, with port 7946. */
  readonly address?: string
  packets(events: PacketEvents): Packets
  streams(events: StreamEvents): Streams
}

/** What a transport tells of its packets. */
export interface PacketEvents {
  /** A packet came, from a literal IP. The bytes are the receiver's from now on. */
  packet(bytes: Uint8Array, ip: string, port: number): void
  /** A packet that was given to `send` with this number other than 0 could not be sent. */
  unsent(seqNo: number, error: Error): void
}

/** One packet socket. */
export interface Packets {
  /** Begins to hear packets at a literal IP; rejects, with a system `code` such as EADDRINUSE, when that cannot be. Called once. */
  bind(ip: string, port: number): Promise<void>
  /** Sends a packet to a literal IP, or loses it. The bytes are the transport's from now on. `seqNo` is for `unsent`. */
  send(packet: Uint8Array, ip: string, port: number, seqNo: number): void
  /** Resolves when nothing is left open and no event follows. Also called where `bind` failed, or never was. */
  close(): Promise<void>
}

/** What a transport tells of its streams, each by its number. */
export interface StreamEvents {
  /** A peer dialled us, from a literal IP. The transport numbers these streams: 1, 2, 3... */
  accepted(stream: number, ip: string, port: number): void
  /** A stream of ours is there and can be written to. */
  connected(stream: number): void
  /** Bytes came. They are the receiver's from now on. */
  data(stream: number, bytes: Uint8Array): void
  /** The peer ended its side: the error is empty; or the stream could not be had, or broke, and the error says why. At most once. */
  closed(stream: number, error: string): void
}

/** The streams of one actor, of which it gives negative numbers to those that it dials. Unknown numbers are ignored. */
export interface Streams {
  /** Listens at a literal IP and gives the port, which it picks when that is 0; rejects when that cannot be. Called once, or never. */
  listen(ip: string, port: number): Promise<number>
  /** Dials a literal IP: `connected` or `closed` follows. */
  dial(stream: number, ip: string, port: number): void
  /** The bytes are the transport's from now on. */
  write(stream: number, bytes: Uint8Array): void
  /** Ends our side behind what was written; what the peer still sends is heard. */
  end(stream: number): void
  /** Drops the stream with all that is under way; no event of it follows. */
  destroy(stream: number): void
  /** Drops all streams, and the listener. Resolves when nothing is left open and no event follows. */
  close(): Promise<void>
}
