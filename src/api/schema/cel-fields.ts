import type { ASTNode } from '@marcbachmann/cel-js';
import { escapeField } from './cel-values.ts';
import type { JsonSchema } from './json-schema.ts';

/** What is known of a value in an expression: its schema, or nothing. */
type Known = JsonSchema | undefined;
type Scope = ReadonlyMap<string, Known>;

const iterating = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);

/**
 * The name of a field that an expression selects and that the schema of `self` does not have;
 * undefined if there is none. The CEL library does not see this, because values are dynamic to it.
 */
export function undefinedField(ast: ASTNode, self: JsonSchema): string | undefined {
  const scope: Scope = new Map([
    ['self', self],
    ['oldSelf', self],
  ]);
  try {
    visit(ast, scope);
    return undefined;
  } catch (error) {
    if (error instanceof UndefinedField) return error.message;
    throw error;
  }
}

class UndefinedField extends Error {}

/** Visits a node and all below it; what is known of its value. */
function visit(node: ASTNode, scope: Scope): Known {
  if (node.op === 'id') return scope.get(node.args);
  if (node.op === 'value') return undefined;
  if (node.op === '.' || node.op === '.?') return select(visit(node.args[0], scope), node.args[1]);
  if (node.op === '[]' || node.op === '[?]') {
    const holder = visit(node.args[0], scope);
    visit(node.args[1], scope);
    return element(holder);
  }
  if (node.op === 'rcall') return visitCall(node.args, scope);
  for (const inner of nodesIn(node.args)) visit(inner, scope);
  return undefined;
}

/** A method; the macros that iterate give a name to the elements of their list. */
function visitCall(
  [name, receiver, args]: readonly [string, ASTNode, readonly ASTNode[]],
  scope: Scope,
): Known {
  const list = visit(receiver, scope);
  const [variable, ...bodies] = args;
  if (!iterating.has(name) || variable?.op !== 'id') {
    for (const argument of args) visit(argument, scope);
    return undefined;
  }
  const inner = new Map(scope).set(variable.args, list?.items);
  for (const body of bodies) visit(body, inner);
  return name === 'filter' ? list : undefined;
}

function select(holder: Known, escaped: string): Known {
  if (holder === undefined || holder['x-kubernetes-preserve-unknown-fields'] === true) {
    return undefined;
  }
  if (typeof holder.additionalProperties === 'object') return holder.additionalProperties;
  const { properties } = holder;
  if (properties === undefined || holder['x-kubernetes-embedded-resource'] === true) {
    return undefined;
  }
  const name = Object.keys(properties).find((one) => escapeField(one) === escaped);
  if (name === undefined) throw new UndefinedField(escaped);
  return properties[name];
}

function element(holder: Known): Known {
  const values = holder?.additionalProperties;
  return holder?.items ?? (typeof values === 'object' ? values : undefined);
}

function nodesIn(args: unknown): readonly ASTNode[] {
  if (Array.isArray(args)) return args.flatMap(nodesIn);
  return typeof args === 'object' && args !== null && 'op' in args ? [args as ASTNode] : [];
}
