/** How the end of a body is known (RFC 9112 section 6). */
export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' }
  /** Responses only: the body ends with the connection. */
  | { readonly kind: 'close' };

export const noBody: Framing = { kind: 'none' };
export const chunkedBody: Framing = { kind: 'chunked' };
export const closeBody: Framing = { kind: 'close' };

/** So many digits are a safe integer. */
const lengthDigits = 15;
const zero = 48;

/** The value of a Content-Length field; undefined for anything but 1 to 15 digits. */
export function parseContentLength(value: string): number | undefined {
  if (value.length === 0 || value.length > lengthDigits) return undefined;
  let length = 0;
  for (let at = 0; at < value.length; at += 1) {
    const digit = value.charCodeAt(at) - zero;
    if (digit < 0 || digit > 9) return undefined;
    length = length * 10 + digit;
  }
  return length;
}

const closeOption: readonly string[] = ['close'];
const keepAliveOption: readonly string[] = ['keep-alive'];

/** The members of a comma-separated list of tokens, in lower case; undefined when one is no token. */
export function parseTokenList(value: string): readonly string[] | undefined {
  if (value === 'keep-alive') return keepAliveOption;
  if (value === 'close') return closeOption;
  const out: string[] = [];
  for (const part of value.split(',')) {
    const token = part.trim().toLowerCase();
    if (token === '') continue;
    if (!/^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(token)) return undefined;
    out.push(token);
  }
  return out;
}
