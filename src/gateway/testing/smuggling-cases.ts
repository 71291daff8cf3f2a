/**
 * What has been used, or could be, to hide a request from one reader of HTTP/1.1 and show it to the next
 * (RFC 9112 sections 2 to 7 and 11; the classes that scanners try). Bytes are latin1.
 */

/** Follows each attack: reaches no pod. */
export const smuggled = 'GET /default/diff/evil HTTP/1.1\r\nHost: x\r\n\r\n';
const line = 'POST /default/diff/first HTTP/1.1\r\n';
const post = `${line}Host: x\r\n`;
const chunked = `${post}Transfer-Encoding: chunked\r\n\r\n`;
const get = (target: string, more = ''): string =>
  `GET ${target} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;

/** What is refused outright, by class: the status, and the bytes of the attack, up to what it smuggles. */
export type Attack = readonly [what: string, status: number, bytes: string];

const lengths: readonly Attack[] = [
  ['CL.TE', 400, `${post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['TE.CL', 400, `${post}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n`],
  ['TE and a length of 0', 400, `${post}Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n`],
  ['two differing lengths', 400, `${post}Content-Length: 0\r\nContent-Length: 44\r\n\r\n`],
  ['two equal lengths', 400, `${post}Content-Length: 0\r\nContent-Length: 0\r\n\r\n`],
  ['a list of equal lengths', 400, `${post}Content-Length: 0, 0\r\n\r\n`],
  ['a list of differing lengths', 400, `${post}Content-Length: 0, 44\r\n\r\n`],
  ['a length and a comma', 400, `${post}Content-Length: 0,\r\n\r\n`],
  ['a positive length', 400, `${post}Content-Length: +0\r\n\r\n`],
  ['a negative length', 400, `${post}Content-Length: -1\r\n\r\n`],
  ['a hexadecimal length', 400, `${post}Content-Length: 0x0\r\n\r\n`],
  ['a length with a fraction', 400, `${post}Content-Length: 0.0\r\n\r\n`],
  ['a length with an exponent', 400, `${post}Content-Length: 0e0\r\n\r\n`],
  ['a length in quotes', 400, `${post}Content-Length: "0"\r\n\r\n`],
  ['an empty length', 400, `${post}Content-Length:\r\n\r\n`],
  ['a length with a space', 400, `${post}Content-Length: 0 0\r\n\r\n`],
  ['a length past 2^53', 400, `${post}Content-Length: 9007199254740993\r\n\r\n`],
  ['a length past 2^64', 400, `${post}Content-Length: 18446744073709551616\r\n\r\n`],
  ['a length beyond ASCII', 400, `${post}Content-Length: \xb2\r\n\r\n`],
  ['a length with a NUL', 400, `${post}Content-Length: 0\0\r\n\r\n`],
];

const codings: readonly Attack[] = [
  ['a coding that ends on chunked', 501, `${post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
  ['a list of codings', 501, `${post}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
  ['chunked, then another', 501, `${post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
  ['chunked twice', 501, `${post}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`],
  ['two TE lines', 501, `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n`],
  ['identity', 501, `${post}Transfer-Encoding: identity\r\n\r\n`],
  ['a coding with a parameter', 501, `${post}Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n`],
  ['a coding in quotes', 501, `${post}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n`],
  ['an empty coding', 501, `${post}Transfer-Encoding:\r\n\r\n`],
  ['a vertical tab before chunked', 400, `${post}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`],
  ['a vertical tab behind chunked', 400, `${post}Transfer-Encoding: chunked\x0b\r\n\r\n0\r\n\r\n`],
  ['a NUL behind chunked', 400, `${post}Transfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n`],
  ['a space before the colon', 400, `${post}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`],
  ['a tab before the colon', 400, `${post}Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n`],
  ['a space before the name', 400, `${post} Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['a folded coding', 400, `${post}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`],
  ['a coding behind a bare LF', 400, `${post}X: 1\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['a coding behind a bare CR', 400, `${post}X: 1\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['a NUL in the name', 400, `${post}Transfer\0-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  [
    'a coding in HTTP/1.0',
    400,
    'POST /default/diff/first HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
];

const nominations: readonly Attack[] = ['content-length', 'Transfer-Encoding', 'HOST'].map(
  (name) => [
    `Connection: ${name}`,
    400,
    `${post}Connection: close, ${name}\r\nContent-Length: 0\r\n\r\n`,
  ],
);

const requestLines: readonly Attack[] = [
  ['HTTP/0.9', 400, 'GET /default/diff/first\r\n'],
  ['two spaces', 400, 'GET  /default/diff/first HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['two spaces before the version', 400, 'GET /default/diff/first  HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a tab', 400, 'GET\t/default/diff/first HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a space behind the version', 400, 'GET /default/diff/first HTTP/1.1 \r\nHost: x\r\n\r\n'],
  ['a space before the method', 400, ' GET /default/diff/first HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a bare LF as line end', 400, 'GET /default/diff/first HTTP/1.1\nHost: x\r\n\r\n'],
  ['a bare CR as line end', 400, 'GET /default/diff/first HTTP/1.1\rHost: x\r\n\r\n'],
  ['two empty lines before it', 400, `\r\n\r\n${get('/default/diff/first')}`],
  ['a bare LF before it', 400, `\n${get('/default/diff/first')}`],
  ['a CR in the target', 400, get('/default/diff/fi\rrst')],
  ['a NUL in the target', 400, get('/default/diff/fi\0rst')],
  ['a fragment', 400, get('/default/diff/first#x')],
  ['bytes beyond ASCII in the target', 400, get('/default/diff/f\xefrst')],
  ['a version in lower case', 400, 'GET /default/diff/first http/1.1\r\nHost: x\r\n\r\n'],
  ['a version with a zero', 400, 'GET /default/diff/first HTTP/1.01\r\nHost: x\r\n\r\n'],
  ['a version without a point', 400, 'GET /default/diff/first HTTP/11\r\nHost: x\r\n\r\n'],
  ['HTTP/1.2', 505, 'GET /default/diff/first HTTP/1.2\r\nHost: x\r\n\r\n'],
  ['HTTP/3.0', 505, 'GET /default/diff/first HTTP/3.0\r\nHost: x\r\n\r\n'],
  ['the preface of HTTP/2', 501, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a method in lower case', 501, 'get /default/diff/first HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['an unknown method', 501, 'SMUGGLE /default/diff/first HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['CONNECT', 405, 'CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['TRACE', 405, 'TRACE /default/diff/first HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['the form of CONNECT', 400, get('x:80')],
  ['a URI of another host', 400, get('http://y/default/diff/first')],
  ['a URI of another port', 400, get('http://x:81/default/diff/first')],
  ['a URI with user information', 400, get('http://a@x/default/diff/first')],
  ['a URI of another scheme', 400, get('ftp://x/default/diff/first')],
  ['a dot segment', 400, get('/default/diff/../evil', 'Connection: close\r\n')],
];

const fields: readonly Attack[] = [
  ['no Host', 400, `${line}\r\n`],
  ['two Hosts', 400, `${post}Host: x\r\n\r\n`],
  ['an empty Host', 400, `${line}Host:\r\n\r\n`],
  ['two Hosts in one', 400, `${line}Host: x y\r\n\r\n`],
  ['a Host with a path', 400, `${line}Host: x/evil\r\n\r\n`],
  ['a Host with user information', 400, `${line}Host: a@x\r\n\r\n`],
  ['a folded line', 400, `${post}X: 1\r\n 2\r\n\r\n`],
  ['a folded line by a tab', 400, `${post}X: 1\r\n\t2\r\n\r\n`],
  ['a folded first line', 400, `${line} Host: x\r\n\r\n`],
  ['a line of white space', 400, `${post}X: 1\r\n \r\n\r\n`],
  ['a line without a colon', 400, `${post}X\r\n\r\n`],
  ['an empty name', 400, `${post}: 1\r\n\r\n`],
  ['a name with a space', 400, `${post}X Y: 1\r\n\r\n`],
  ['a name with a parenthesis', 400, `${post}X(: 1\r\n\r\n`],
  ['a name beyond ASCII', 400, `${post}X\xe4: 1\r\n\r\n`],
  ['a bare CR', 400, `${post}X: 1\r2\r\n\r\n`],
  ['a bare LF', 400, `${post}X: 1\nY: 2\r\n\r\n`],
  ['a bare LF at the end', 400, `${post}X: 1\r\n\n`],
  ['CR CR LF', 400, `${post}X: 1\r\r\n\r\n`],
  ['a NUL', 400, `${post}X: \0\r\n\r\n`],
  ['a DEL', 400, `${post}X: \x7f\r\n\r\n`],
  ['a form feed', 400, `${post}X: 1\x0c\r\n\r\n`],
  ['another expectation', 417, `${post}Expect: 200-ok\r\nContent-Length: 0\r\n\r\n`],
  ['101 lines', 431, `${post}${'X: 1\r\n'.repeat(100)}\r\n`],
  ['a head of 17 KiB', 431, `${post}X: ${'x'.repeat(17 * 1024)}\r\n\r\n`],
  ['a head without end', 431, `${post}X: ${'x'.repeat(20 * 1024)}`],
  ['a target of 17 KiB', 414, get(`/default/diff/${'x'.repeat(17 * 1024)}`)],
];

const chunks: readonly Attack[] = [
  ['a size line ended by LF', 400, `${chunked}2\nab\r\n0\r\n\r\n`],
  ['LF in an extension (TERM.EXT)', 400, `${chunked}2;\nxx\r\nab\r\n0\r\n\r\n`],
  ['CR in an extension', 400, `${chunked}2;a\rb\r\nab\r\n0\r\n\r\n`],
  ['NUL in an extension', 400, `${chunked}2;\0\r\nab\r\n0\r\n\r\n`],
  ['data not ended by CRLF (EXT.TERM)', 400, `${chunked}2\r\nabXX0\r\n\r\n`],
  ['data ended by LF', 400, `${chunked}2\r\nab\n0\r\n\r\n`],
  ['more data than the size', 400, `${chunked}2\r\nabc\r\n0\r\n\r\n`],
  ['a size with a prefix', 400, `${chunked}0x2\r\nab\r\n0\r\n\r\n`],
  ['a signed size', 400, `${chunked}+2\r\nab\r\n0\r\n\r\n`],
  ['a negative size', 400, `${chunked}-2\r\nab\r\n0\r\n\r\n`],
  ['a space behind the size', 400, `${chunked}2 \r\nab\r\n0\r\n\r\n`],
  ['a space before the size', 400, `${chunked} 2\r\nab\r\n0\r\n\r\n`],
  ['an empty size', 400, `${chunked}\r\nab\r\n0\r\n\r\n`],
  ['a size in quotes', 400, `${chunked}"2"\r\nab\r\n0\r\n\r\n`],
  ['a size that wraps', 400, `${chunked}10000000000000002\r\nab\r\n0\r\n\r\n`],
  ['a size of many zeros', 400, `${chunked}00000000000000002\r\nab\r\n0\r\n\r\n`],
  ['extensions without end', 400, `${chunked}${'1;aaaaaaaaaaaaaaa\r\na\r\n'.repeat(100)}0\r\n\r\n`],
  ['trailers without end', 400, `${chunked}0\r\n${'X: 1\r\n'.repeat(3000)}\r\n`],
  ['a trailer ended by LF', 400, `${chunked}0\r\nX: 1\n\r\n`],
  ['a folded trailer', 400, `${chunked}0\r\nX: 1\r\n 2\r\n\r\n`],
  ['a trailer without a colon', 400, `${chunked}0\r\nX\r\n\r\n`],
  ['a NUL in a trailer', 400, `${chunked}0\r\nX: \0\r\n\r\n`],
  ['an end by LF', 400, `${chunked}0\r\n\n`],
];

export const attacks: Readonly<Record<string, readonly Attack[]>> = {
  lengths,
  codings,
  nominations,
  'request lines': requestLines,
  fields,
  chunks,
};
