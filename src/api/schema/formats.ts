/** What k8s.io/kube-openapi's strfmt takes for a `format`; formats that are not here say nothing. */
const formats: Readonly<Record<string, (value: string) => boolean>> = {
  'date-time': isDateTime,
  date: (value) => /^\d{4}-\d{2}-\d{2}$/.test(value) && !Number.isNaN(Date.parse(value)),
  duration: (value) => /^[-+]?(\d+(\.\d*)?\s*(ns|us|µs|ms|s|m|h|d|w)\s*)+$|^0$/.test(value),
  byte: isBase64,
  email: (value) => /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(value),
  hostname: (value) =>
    value.length <= 255 &&
    /^([a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?)(\.[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?)*$/.test(
      value,
    ),
  ipv4: isIpv4,
  ipv6: isIpv6,
  cidr: isCidr,
  mac: (value) => /^([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}$/.test(value),
  uri: (value) => URL.canParse(value) || value.startsWith('/'),
  uuid: (value) =>
    /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(value),
};

/** True when a string has the format, or when the format is one that nothing is known of. */
export function hasFormat(format: string, value: string): boolean {
  return formats[format]?.(value) ?? true;
}

/** RFC 3339 with an offset, as Go's time.RFC3339 reads it. */
export function isDateTime(value: string): boolean {
  return (
    /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}([.,]\d+)?(Z|[+-]\d{2}:\d{2})$/.test(value) &&
    !Number.isNaN(Date.parse(value.replace(',', '.')))
  );
}

/** Standard base64 with padding, as Go's encoding/json reads a []byte. */
export function isBase64(value: string): boolean {
  return value.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(value);
}

function isIpv4(value: string): boolean {
  const parts = value.split('.');
  return (
    parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && +part < 256)
  );
}

function isIpv6(value: string): boolean {
  return value.includes(':') && !value.includes('%') && URL.canParse(`http://[${value}]/`);
}

function isCidr(value: string): boolean {
  const [address = '', bits = '', ...rest] = value.split('/');
  if (rest.length > 0 || !/^\d{1,3}$/.test(bits)) return false;
  return (isIpv4(address) && +bits <= 32) || (isIpv6(address) && +bits <= 128);
}
