/** The id that a value of the crash test begins with. */
export function idOf(value: Uint8Array): string {
  const text = Buffer.from(value).toString('latin1');
  return text.slice(0, text.indexOf(' '));
}
