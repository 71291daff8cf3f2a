import type { LabelSelector } from '../object.ts';
import { parseRequirements } from './parse-requirements.ts';
import {
  badSelector,
  type LabelOperator,
  type Labels,
  newRequirement,
  type Requirement,
  requirementText,
  satisfies,
} from './requirement.ts';

/** A conjunction of conditions on labels. */
export interface Selector {
  /** Sorted by key; empty for a selector that takes everything, and for one that takes nothing. */
  readonly requirements: readonly Requirement[];
  /** False only for the selector that was not there at all: it takes nothing. */
  readonly selectable: boolean;
  /** True when `labels` satisfy every requirement; no labels count as an empty set. */
  matches(labels: Labels | undefined): boolean;
  /** The canonical text, which `parseLabelSelector` reads back. */
  toString(): string;
}

const noLabels: Labels = {};

/**
 * Parses the text form (`a=b,c!=d,e in (x,y),f notin (z),g,!h,i>1,j<2`); empty text takes everything.
 *
 * Throws a StatusError 400 in the words of k8s.io/apimachinery pkg/labels.
 */
export function parseLabelSelector(text: string): Selector {
  return selectorOf(parseRequirements(text));
}

/**
 * The selector of a metav1.LabelSelector: an empty one takes everything, one that is not there takes
 * nothing. Throws a StatusError 400 when a key, value or operator is not valid.
 */
export function selectorFromObject(selector: LabelSelector | undefined): Selector {
  if (selector === undefined) return nothing;
  const requirements = Object.entries(selector.matchLabels ?? {}).map(([key, value]) =>
    newRequirement({ key, operator: '=', values: [value] }),
  );
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    const sorted = [...new Set(values)].toSorted();
    requirements.push(newRequirement({ key, operator: textOperator(operator), values: sorted }));
  }
  return selectorOf(requirements);
}

const nothing: Selector = {
  requirements: [],
  selectable: false,
  matches: () => false,
  toString: () => '',
};

function selectorOf(unsorted: readonly Requirement[]): Selector {
  const requirements = unsorted.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return {
    requirements,
    selectable: true,
    matches: (labels = noLabels) => requirements.every((each) => satisfies(each, labels)),
    toString: () => requirements.map(requirementText).join(','),
  };
}

function textOperator(operator: string): LabelOperator {
  switch (operator) {
    case 'In':
      return 'in';
    case 'NotIn':
      return 'notin';
    case 'Exists':
      return 'exists';
    case 'DoesNotExist':
      return '!';
    default:
      throw badSelector(`${JSON.stringify(operator)} is not a valid label selector operator`);
  }
}
