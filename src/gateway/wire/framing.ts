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

/** Digits that are a safe integer: at most 15. */
const lengthPattern = /^[0-9]{1,15}$/;

/** The value of a Content-Length field; undefined for anything but 1 to 15 digits. */
export function parseContentLength(value: string): number | undefined {
  return lengthPattern.test(value) ? Number(value) : undefined;
}

/** The members of a comma-separated list of tokens, in lower case; undefined when one is no token. */
export function parseTokenList(value: string): readonly string[] | undefined {
  const out: string[] = [];
  for (const part of value.split(',')) {
    const token = part.trim().toLowerCase();
    if (token === '') continue;
    if (!/^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(token)) return undefined;
    out.push(token);
  }
  return out;
}
