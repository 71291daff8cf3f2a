const mapped = '::ffff:';

/** The address of a client as people write it: an IPv4 one without its IPv6 prefix. */
export function clientAddress(address: string): string {
  return address.startsWith(mapped) ? address.slice(mapped.length) : address;
}
