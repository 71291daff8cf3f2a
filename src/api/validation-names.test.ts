import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import {
  configMapKeyErrors,
  dns1035LabelErrors,
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  envVarNameErrors,
  isDns1123Label,
  isDns1123Subdomain,
  isLabelValue,
  isQualifiedName,
  labelValueErrors,
  portNameErrors,
  qualifiedNameErrors,
  relaxedEnvVarNameErrors,
} from './validation-names.ts';

const subdomainMessage =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const labelMessage =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const keyMessage =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

suite('names are judged in the words of upstream', () => {
  test('dns1123LabelErrors()', () => {
    assert.deepEqual(dns1123LabelErrors('a'.repeat(63)), []);
    assert.deepEqual(dns1123LabelErrors('a.b'), ['must not contain dots']);
    assert.deepEqual(dns1123LabelErrors('A'), [labelMessage]);
    assert.deepEqual(dns1123LabelErrors(''), [labelMessage]);
    assert.deepEqual(dns1123LabelErrors('a\n'), [labelMessage]);
    assert.deepEqual(dns1123LabelErrors('é'.repeat(32)), [
      'must be no more than 63 characters',
      labelMessage,
    ]);
  });

  test('dns1123SubdomainErrors()', () => {
    for (const good of ['a', '0', 'a-b.c-d', 'a.b.c', 'x'.repeat(253)]) {
      assert.deepEqual(dns1123SubdomainErrors(good), []);
    }
    for (const bad of ['', '-a', 'a-', 'a..b', '.a', 'a.', 'a_b', 'A', 'a/b']) {
      assert.deepEqual(dns1123SubdomainErrors(bad), [subdomainMessage]);
    }
    assert.deepEqual(dns1123SubdomainErrors('x'.repeat(254)), [
      'must be no more than 253 characters',
    ]);
  });

  test('dns1035LabelErrors()', () => {
    assert.deepEqual(dns1035LabelErrors('a-1'), []);
    assert.equal(dns1035LabelErrors('1a').length, 1);
  });

  test('qualifiedNameErrors()', () => {
    for (const good of ['a', 'A_b.c-d', 'example.com/A', 'x'.repeat(63), 'a.b/c']) {
      assert.deepEqual(qualifiedNameErrors(good), []);
    }
    assert.deepEqual(qualifiedNameErrors(''), [
      'name part must be non-empty',
      `name part ${keyMessage}`,
    ]);
    assert.deepEqual(qualifiedNameErrors('/a'), ['prefix part must be non-empty']);
    assert.deepEqual(qualifiedNameErrors('E.com/a'), [`prefix part ${subdomainMessage}`]);
    assert.deepEqual(qualifiedNameErrors('x'.repeat(64)), [
      'name part must be no more than 63 bytes',
    ]);
    assert.deepEqual(qualifiedNameErrors('a/b/c'), [
      `a valid label key ${keyMessage} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ]);
  });

  test('labelValueErrors()', () => {
    assert.deepEqual(labelValueErrors(''), []);
    assert.deepEqual(labelValueErrors('A.b_c-1'), []);
    assert.match(labelValueErrors('-a')[0] ?? '', /^a valid label must be an empty string or /);
    assert.deepEqual(labelValueErrors('x'.repeat(64)), ['must be no more than 63 bytes']);
  });

  test('envVarNameErrors() and relaxedEnvVarNameErrors()', () => {
    assert.deepEqual(envVarNameErrors('MY_ENV.a-b'), []);
    assert.equal(envVarNameErrors('1A').length, 1);
    assert.deepEqual(envVarNameErrors('..a'), ["must not start with '..'"]);
    assert.deepEqual(relaxedEnvVarNameErrors('1 A~ !'), []);
    for (const bad of ['a=b', 'é', 'a\n']) assert.equal(relaxedEnvVarNameErrors(bad).length, 1);
    assert.deepEqual(relaxedEnvVarNameErrors(''), ['environment variable name must be non-empty']);
  });

  test('configMapKeyErrors()', () => {
    for (const good of ['a', '.dot', 'A_b-c.json', '...'.slice(3) + 'x..']) {
      assert.deepEqual(configMapKeyErrors(good), []);
    }
    assert.deepEqual(configMapKeyErrors('.'), ["must not be '.'"]);
    assert.deepEqual(configMapKeyErrors('..'), ["must not be '..'"]);
    assert.deepEqual(configMapKeyErrors('..x'), ["must not start with '..'"]);
    assert.match(configMapKeyErrors('a/b')[0] ?? '', /^a valid config key must consist of /);
  });

  test('portNameErrors()', () => {
    assert.deepEqual(portNameErrors('http-2'), []);
    assert.deepEqual(portNameErrors('80'), ['must contain at least one letter (a-z)']);
    assert.deepEqual(portNameErrors('a--b-'), [
      'must not contain consecutive hyphens',
      'must not begin or end with a hyphen',
    ]);
    assert.deepEqual(portNameErrors('abcdefghijklmnop'), ['must be no more than 15 characters']);
  });
});

test('is…() answers as …Errors() does', () => {
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom('a', 'Z', '0', '-', '.', '_', '/', 'é', '\n') }),
    fc.integer({ min: 60, max: 260 }).map((length) => 'a'.repeat(length)),
  );
  fc.assert(
    fc.property(text, (value) => {
      assert.equal(isDns1123Label(value), dns1123LabelErrors(value).length === 0);
      assert.equal(isDns1123Subdomain(value), dns1123SubdomainErrors(value).length === 0);
      assert.equal(isQualifiedName(value), qualifiedNameErrors(value).length === 0);
      assert.equal(isLabelValue(value), labelValueErrors(value).length === 0);
    }),
  );
});
