import { StatusError } from './status-error.ts';

/** How a quantity is written: 1500m, 1Ki, or 1e3. */
export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

/** The smallest part of a unit that a quantity can express; what is finer is rounded up. */
const nanosPerUnit = 1_000_000_000n;
const nanosPerMilli = 1_000_000n;
const nanoExponent = -9;
/** Binary quantities end here, as in k8s.io/apimachinery pkg/api/resource. */
const maxBinaryUnits = 2n ** 63n - 1n;
/** Bounds on what is parsed, so that no text makes numbers of millions of digits. */
const maxTextLength = 128;
const maxExponent = 100;
/** Most digits that upstream keeps as an int64, and then with the text as it was written. */
const maxInt64Digits = 18;

const decimalSuffixes = new Map<string, number>([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
]);
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

/**
 * A resource quantity (`500m`, `1.5Gi`, `1e3`), exact to a billionth; immutable.
 *
 * Rules: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */
export class Quantity {
  readonly format: QuantityFormat;
  readonly #nanos: bigint;
  /** The text that it was parsed from, where upstream gives that back rather than the canonical form. */
  readonly #text: string | undefined;

  constructor(nanos: bigint, format: QuantityFormat, text?: string) {
    this.#nanos = nanos;
    this.format = format;
    this.#text = text;
  }

  /** -1, 0 or 1, as `this` is less than, equal to or greater than `other`. */
  compare(other: Quantity): -1 | 0 | 1 {
    if (this.#nanos === other.#nanos) return 0;
    return this.#nanos < other.#nanos ? -1 : 1;
  }

  add(other: Quantity): Quantity {
    return new Quantity(this.#nanos + other.#nanos, this.#formatWith(other));
  }

  sub(other: Quantity): Quantity {
    return new Quantity(this.#nanos - other.#nanos, this.#formatWith(other));
  }

  /** In base units (cores, bytes), as the nearest double. */
  toNumber(): number {
    const whole = this.#nanos / nanosPerUnit;
    return Number(whole) + Number(this.#nanos - whole * nanosPerUnit) / Number(nanosPerUnit);
  }

  /** In whole base units, rounded up (away from zero). */
  units(): bigint {
    return divideUp(this.#nanos, nanosPerUnit);
  }

  /** In whole thousandths of a base unit, rounded up (away from zero). */
  millis(): bigint {
    return divideUp(this.#nanos, nanosPerMilli);
  }

  /** As the API stores and shows it. */
  toString(): string {
    return this.#text ?? this.canonical();
  }

  toJSON(): string {
    return this.toString();
  }

  /** The canonical form: no fraction, the largest suffix that keeps every digit. */
  canonical(): string {
    if (this.#nanos === 0n) return '0';
    const units = this.#nanos / nanosPerUnit;
    const isWhole = units * nanosPerUnit === this.#nanos;
    const isLarge = units <= -1024n || units >= 1024n;
    if (this.format === 'BinarySI' && isWhole && isLarge) return binaryText(units);
    return decimalText(this.#nanos, this.format);
  }

  #formatWith(other: Quantity): QuantityFormat {
    return this.#nanos === 0n ? other.format : this.format;
  }
}

/** Parses a quantity; throws a StatusError 400 in upstream's words for what is none. */
export function parseQuantity(text: string): Quantity {
  const match = partsOf(text);
  if (match === undefined) {
    throw badQuantity(
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
  }
  const { sign, whole, fraction, suffix } = match;
  const scale = scaleOf(suffix);
  if (scale === undefined) throw badQuantity("unable to parse quantity's suffix");
  const digits = BigInt(`${whole}${fraction}`);
  const exponent = scale.exponent - fraction.length - nanoExponent;
  let nanos =
    scale.format === 'BinarySI'
      ? shifted(digits * 2n ** BigInt(scale.power), -fraction.length - nanoExponent)
      : shifted(digits, exponent);
  let { format } = scale;
  if (format === 'BinarySI') {
    if (nanos > maxBinaryUnits * nanosPerUnit) nanos = maxBinaryUnits * nanosPerUnit;
    if (nanos < nanosPerUnit && nanos > 0n) format = 'DecimalSI';
  }
  const kept = keepsText(match, scale) ? text : undefined;
  return new Quantity(sign === '-' ? -nanos : nanos, format, kept);
}

interface Parts {
  readonly sign: string;
  /** Without leading zeros, unless it is nothing but zero. */
  readonly whole: string;
  readonly fraction: string;
  readonly suffix: string;
}

function partsOf(text: string): Parts | undefined {
  if (text === '' || text.length > maxTextLength) return undefined;
  const match =
    /^(?<sign>[+-]?)0*(?<whole>\d*)(?:\.(?<fraction>\d*))?(?<suffix>[eEinumkKMGTP]*[-+]?\d*)$/.exec(
      text,
    )?.groups;
  if (match === undefined) return undefined;
  const { sign = '', whole = '', fraction = '', suffix = '' } = match;
  // A sign or a suffix alone is no number, though upstream lets some of them pass as zero.
  if (!/^[+-]?\.?\d/.test(text)) return undefined;
  return { sign, whole: whole === '' ? '0' : whole, fraction, suffix };
}

interface SuffixScale {
  readonly format: QuantityFormat;
  /** Power of ten. */
  readonly exponent: number;
  /** Power of two. */
  readonly power: number;
}

function scaleOf(suffix: string): SuffixScale | undefined {
  const decimal = decimalSuffixes.get(suffix);
  if (decimal !== undefined) return { format: 'DecimalSI', exponent: decimal, power: 0 };
  const binary = binarySuffixes.indexOf(suffix);
  if (binary !== -1) return { format: 'BinarySI', exponent: 0, power: binary * 10 };
  if (!/^[eE][-+]?\d+$/.test(suffix)) return undefined;
  const exponent = Number(suffix.slice(1));
  if (Math.abs(exponent) > maxExponent) return undefined;
  return { format: 'DecimalExponent', exponent, power: 0 };
}

/** `digits` times ten to the `exponent`, rounded up. */
function shifted(digits: bigint, exponent: number): bigint {
  if (exponent >= 0) return digits * 10n ** BigInt(exponent);
  return divideUp(digits, 10n ** BigInt(-exponent));
}

/**
 * True where upstream gives a quantity back as it was written: it holds the value in an int64 and the
 * text looks canonical to a quick test (so that 1.500 stays, while 0.5 becomes 500m).
 */
function keepsText({ whole, fraction }: Parts, { format, exponent, power }: SuffixScale): boolean {
  const digits = `${whole}${fraction}`;
  if (format === 'BinarySI') {
    const isPrecise = 15 - whole.length - Math.trunc((power * 3) / 10) - 1 >= 0;
    return fraction === '' && isPrecise && BigInt(digits) % 8n !== 0n;
  }
  const scale = exponent - fraction.length;
  return (
    digits.length <= maxInt64Digits &&
    scale >= nanoExponent &&
    scale % 3 === 0 &&
    !digits.endsWith('000') &&
    !digits.startsWith('0')
  );
}

function binaryText(units: bigint): string {
  let number = units;
  let power = 0;
  while (number % 1024n === 0n) {
    number /= 1024n;
    power += 1;
  }
  return `${number}${binarySuffixes[power] ?? ''}`;
}

function decimalText(nanos: bigint, format: QuantityFormat): string {
  let number = nanos;
  let exponent = nanoExponent;
  while (number % 10n === 0n) {
    number /= 10n;
    exponent += 1;
  }
  const largest = format === 'DecimalExponent' ? Infinity : 18;
  while (exponent % 3 !== 0 || exponent > largest) {
    number *= 10n;
    exponent -= 1;
  }
  if (format === 'DecimalExponent') return exponent === 0 ? `${number}` : `${number}e${exponent}`;
  const suffix = [...decimalSuffixes].find(([, value]) => value === exponent)?.[0];
  return `${number}${suffix ?? ''}`;
}

function divideUp(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  if (quotient * divisor === dividend) return quotient;
  return dividend < 0n ? quotient - 1n : quotient + 1n;
}

function badQuantity(message: string): StatusError {
  return new StatusError(400, 'BadRequest', message);
}
