/**
 * The syntax of Kubernetes' names, with upstream's words for what is wrong.
 *
 * Each `…Errors` returns one message per broken rule, none for a valid value; each `is…` is the plain
 * question. Rules and messages: k8s.io/apimachinery pkg/util/validation and pkg/api/validate/content.
 */

const dns1123LabelMaxLength = 63;
const dns1123SubdomainMaxLength = 253;
const labelMaxLength = 63;
const portNameMaxLength = 15;

const dns1123Label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const dns1123Subdomain = String.raw`${dns1123Label}(\.${dns1123Label})*`;
const dns1035Label = '[a-z]([-a-z0-9]*[a-z0-9])?';
const labelKey = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const labelValue = `(${labelKey})?`;
const envVarName = '[-._a-zA-Z][-._a-zA-Z0-9]*';
const configMapKey = '[-._a-zA-Z0-9]+';

const dns1123LabelRegExp = whole(dns1123Label);
const dns1123SubdomainRegExp = whole(dns1123Subdomain);
const dns1035LabelRegExp = whole(dns1035Label);
const labelKeyRegExp = whole(labelKey);
const labelValueRegExp = whole(labelValue);
const envVarNameRegExp = whole(envVarName);
const configMapKeyRegExp = whole(configMapKey);

const labelKeyMessage = regexMessage(
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  labelKey,
  ['MyName', 'my.name', '123-abc'],
);

/** What is wrong with a DNS label (RFC 1123): names of namespaces, containers, pods' hostnames. */
export function dns1123LabelErrors(value: string): readonly string[] {
  const errors: string[] = [];
  if (byteLength(value) > dns1123LabelMaxLength) {
    errors.push(maxLengthMessage(dns1123LabelMaxLength, 'characters'));
  }
  if (!dns1123LabelRegExp.test(value)) {
    errors.push(
      dns1123SubdomainRegExp.test(value)
        ? 'must not contain dots'
        : regexMessage(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
            dns1123Label,
            ['my-name', '123-abc'],
          ),
    );
  }
  return errors;
}

/** What is wrong with a DNS subdomain (RFC 1123): the names of most objects. */
export function dns1123SubdomainErrors(value: string): readonly string[] {
  return subdomainErrors(value, 'characters');
}

/** What is wrong with a DNS label (RFC 1035): the names of Services. */
export function dns1035LabelErrors(value: string): readonly string[] {
  const errors: string[] = [];
  if (byteLength(value) > dns1123LabelMaxLength) {
    errors.push(maxLengthMessage(dns1123LabelMaxLength, 'characters'));
  }
  if (!dns1035LabelRegExp.test(value)) {
    errors.push(
      regexMessage(
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
        dns1035Label,
        ['my-name', 'abc-123'],
      ),
    );
  }
  return errors;
}

/** What is wrong with a qualified name (`example.com/MyName`): label keys, annotations, finalizers. */
export function qualifiedNameErrors(value: string): readonly string[] {
  const parts = value.split('/');
  if (parts.length > 2) {
    return [
      `a valid label key ${labelKeyMessage} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const errors: string[] = [];
  const name = parts.at(-1) ?? '';
  const prefix = parts.length === 2 ? parts[0] : undefined;
  if (prefix === '') errors.push('prefix part must be non-empty');
  else if (prefix !== undefined) {
    errors.push(...subdomainErrors(prefix, 'bytes').map((message) => `prefix part ${message}`));
  }
  if (name === '') errors.push('name part must be non-empty');
  else if (byteLength(name) > labelMaxLength) {
    errors.push(`name part ${maxLengthMessage(labelMaxLength, 'bytes')}`);
  }
  if (!labelKeyRegExp.test(name)) errors.push(`name part ${labelKeyMessage}`);
  return errors;
}

/** What is wrong with the value of a label. */
export function labelValueErrors(value: string): readonly string[] {
  const errors: string[] = [];
  if (byteLength(value) > labelMaxLength) errors.push(maxLengthMessage(labelMaxLength, 'bytes'));
  if (!labelValueRegExp.test(value)) {
    errors.push(
      regexMessage(
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        labelValue,
        ['MyValue', 'my_value', '12345'],
      ),
    );
  }
  return errors;
}

/** What is wrong with the strict form of an environment variable's name (`envFrom` prefixes). */
export function envVarNameErrors(value: string): readonly string[] {
  const errors: string[] = [];
  if (!envVarNameRegExp.test(value)) {
    errors.push(
      regexMessage(
        "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit",
        envVarName,
        ['my.env-name', 'MY_ENV.NAME', 'MyEnvName1'],
      ),
    );
  }
  return [...errors, ...parentFolderErrors(value)];
}

/** What is wrong with an environment variable's name as containers take it since Kubernetes 1.34. */
export function relaxedEnvVarNameErrors(value: string): readonly string[] {
  if (value === '') return ['environment variable name must be non-empty'];
  if (/^[ -<>-~]+$/.test(value)) return [];
  return [
    "a valid environment variable name must consist only of printable ASCII characters other than '='",
  ];
}

/** What is wrong with a key of a ConfigMap's or a Secret's data. */
export function configMapKeyErrors(value: string): readonly string[] {
  const errors: string[] = [];
  if (byteLength(value) > dns1123SubdomainMaxLength) {
    errors.push(maxLengthMessage(dns1123SubdomainMaxLength, 'characters'));
  }
  if (!configMapKeyRegExp.test(value)) {
    errors.push(
      regexMessage(
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        configMapKey,
        ['key.name', 'KEY_NAME', 'key-name'],
      ),
    );
  }
  return [...errors, ...parentFolderErrors(value)];
}

/** What is wrong with the name of a container's port. */
export function portNameErrors(value: string): readonly string[] {
  const errors: string[] = [];
  if (byteLength(value) > portNameMaxLength) {
    errors.push(maxLengthMessage(portNameMaxLength, 'characters'));
  }
  if (!/^[-a-z0-9]+$/.test(value)) {
    errors.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  }
  if (!/[a-z]/.test(value)) errors.push('must contain at least one letter (a-z)');
  if (value.includes('--')) errors.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) {
    errors.push('must not begin or end with a hyphen');
  }
  return errors;
}

export function isDns1123Label(value: string): boolean {
  return value.length <= dns1123LabelMaxLength && dns1123LabelRegExp.test(value);
}

export function isDns1123Subdomain(value: string): boolean {
  return value.length <= dns1123SubdomainMaxLength && dns1123SubdomainRegExp.test(value);
}

export function isQualifiedName(value: string): boolean {
  return qualifiedNameErrors(value).length === 0;
}

export function isLabelValue(value: string): boolean {
  return value.length <= labelMaxLength && labelValueRegExp.test(value);
}

function subdomainErrors(value: string, unit: 'characters' | 'bytes'): readonly string[] {
  const errors: string[] = [];
  if (byteLength(value) > dns1123SubdomainMaxLength) {
    errors.push(maxLengthMessage(dns1123SubdomainMaxLength, unit));
  }
  if (!dns1123SubdomainRegExp.test(value)) {
    errors.push(
      regexMessage(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
        dns1123Subdomain,
        ['example.com'],
      ),
    );
  }
  return errors;
}

function parentFolderErrors(value: string): readonly string[] {
  if (value === '.') return ["must not be '.'"];
  if (value === '..') return ["must not be '..'"];
  return value.startsWith('..') ? ["must not start with '..'"] : [];
}

/** Upstream counts the bytes of UTF-8, and calls them characters in its older rules. */
function maxLengthMessage(length: number, unit: 'characters' | 'bytes'): string {
  return `must be no more than ${length} ${unit}`;
}

function regexMessage(message: string, regex: string, examples: readonly string[]): string {
  const quoted = examples.map((example) => `'${example}', `).join(' or ');
  return `${message} (e.g. ${quoted}regex used for validation is '${regex}')`;
}

function whole(source: string): RegExp {
  return new RegExp(`^${source}$`);
}

function byteLength(value: string): number {
  return Buffer.byteLength(value);
}
