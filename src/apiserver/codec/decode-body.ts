import { parse as parseYaml } from 'yaml';
import { decodeProtobuf, parseJson } from '../../api/index.ts';
import { badRequest, unsupportedMediaType } from '../refusals.ts';
import type { ServerRequest } from '../request.ts';

export interface DecodedBody {
  readonly value: unknown;
  /** Paths of members that the text has twice. */
  readonly duplicates: readonly string[];
}

export interface DecodeOptions {
  /** Accept protobuf too: bodies of kinds that have a message of their own. */
  readonly protobuf: boolean;
  readonly maxDepth: number;
}

const protobufType = 'application/vnd.kubernetes.protobuf';
const textTypes = ['application/json', 'application/yaml'];

/** The media type of a Content-Type header, without parameters; JSON when it is missing. */
export function mediaType(contentType: string): string {
  const [type = ''] = contentType.split(';', 1);
  const trimmed = type.trim().toLowerCase();
  return trimmed === '' ? 'application/json' : trimmed;
}

/** True when the caller sent nothing. */
export function isEmptyBody({ body }: ServerRequest): boolean {
  return (
    body.kind === 'none' ||
    (body.kind === 'bytes' && body.bytes.byteLength === 0) ||
    (body.kind === 'value' && body.value === undefined)
  );
}

/** Parses the body by its Content-Type. Throws StatusError 400, 415. */
export function decodeBody(request: ServerRequest, options: DecodeOptions): DecodedBody {
  const { body } = request;
  if (body.kind === 'value') return { value: body.value, duplicates: [] };
  if (body.kind === 'none' || body.bytes.byteLength === 0) {
    throw badRequest('Cannot decode the request body: it is empty');
  }
  switch (mediaType(request.contentType)) {
    case 'application/json':
      return parseJson(decodeText(body.bytes), { maxDepth: options.maxDepth });
    case 'application/yaml':
      return { value: decodeYaml(body.bytes, options.maxDepth), duplicates: [] };
    case protobufType:
      if (options.protobuf) return { value: decodeMessage(body.bytes), duplicates: [] };
      break;
    default:
      break;
  }
  throw unsupportedMediaType(options.protobuf ? [...textTypes, protobufType] : textTypes);
}

/** The text of a body. Throws StatusError 400 when it is not UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw badRequest('Cannot decode the request body: it is not valid UTF-8');
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** YAML by way of JSON, so that both have the same values and the same limits. */
function decodeYaml(bytes: Uint8Array, maxDepth: number): unknown {
  const text = decodeText(bytes);
  let value: unknown;
  try {
    value = parseYaml(text, { maxAliasCount: 100, merge: true, version: '1.1' });
  } catch (error) {
    throw badRequest(`Cannot decode the request body as YAML: ${messageOf(error)}`);
  }
  return parseJson(JSON.stringify(value ?? null), { maxDepth }).value;
}

function decodeMessage(bytes: Uint8Array): unknown {
  const { apiVersion, kind, object } = decodeProtobuf(bytes);
  return { ...object, apiVersion, kind };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
