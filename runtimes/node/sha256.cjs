'use strict';
/** SHA-256 (FIPS 180-4): `node:crypto` would be a tenth of a warm pod's memory, for a single digest. */

const blockBytes = 64;
const rounds = 64;
const constants = new Uint32Array(rounds);
const initial = new Uint32Array(8);

/** The first 32 bits of the fractions of the cube roots, and square roots, of the first primes. */
for (let candidate = 2, count = 0; count < rounds; candidate += 1) {
  let divisor = 2;
  while (candidate % divisor !== 0) divisor += 1;
  if (divisor !== candidate) continue;
  constants[count] = fraction(Math.cbrt(candidate));
  if (count < initial.length) initial[count] = fraction(Math.sqrt(candidate));
  count += 1;
}

function fraction(number) {
  return Math.floor((number % 1) * 2 ** 32);
}

/** The digest of the bytes. */
function sha256(data) {
  const padded = Buffer.alloc(Math.ceil((data.length + 9) / blockBytes) * blockBytes);
  padded.set(data);
  padded[data.length] = 0x80;
  padded.writeBigUInt64BE(BigInt(data.length) * 8n, padded.length - 8);
  const state = Uint32Array.from(initial);
  for (let at = 0; at < padded.length; at += blockBytes) compress(state, padded, at);
  const digest = Buffer.alloc(32);
  for (const [index, word] of state.entries()) digest.writeUInt32BE(word, 4 * index);
  return digest;
}

function compress(state, padded, start) {
  const schedule = new Uint32Array(rounds);
  for (let at = 0; at < rounds; at += 1) {
    if (at < 16) {
      schedule[at] = padded.readUInt32BE(start + 4 * at);
      continue;
    }
    const early = schedule[at - 15];
    const late = schedule[at - 2];
    const first = turn(early, 7) ^ turn(early, 18) ^ (early >>> 3);
    const second = turn(late, 17) ^ turn(late, 19) ^ (late >>> 10);
    schedule[at] = schedule[at - 16] + first + schedule[at - 7] + second;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let at = 0; at < rounds; at += 1) {
    const choice = (e & f) ^ (~e & g);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    const first =
      h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + choice + constants[at] + schedule[at];
    const second = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + majority;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  for (const [index, word] of [a, b, c, d, e, f, g, h].entries()) state[index] += word;
}

function turn(word, bits) {
  return (word >>> bits) | (word << (32 - bits));
}

/** Whether two digests are equal, in a time that does not tell how much of them is. */
function equal(one, other) {
  let difference = one.length ^ other.length;
  for (let at = 0; at < one.length; at += 1) difference |= one[at] ^ other[at];
  return difference === 0;
}

module.exports = { sha256, equal };
