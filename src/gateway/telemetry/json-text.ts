/** What stands in JSON as it is. */
const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

/** A string as JSON in ASCII; quick for those that need no escaping, as most do. */
export function jsonText(value: string): string {
  if (plain.test(value)) return `"${value}"`;
  return JSON.stringify(value).replaceAll(/[^\x20-\x7e]/g, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
