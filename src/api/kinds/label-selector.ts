import type { LabelSelector, StatusCause } from '../object.ts';
import { fieldError } from '../schema/field-error.ts';
import { validateLabels } from '../schema/metadata.ts';
import { labelValueErrors, qualifiedNameErrors } from '../validation-names.ts';

/** The rules of a LabelSelector, as ValidateLabelSelector of k8s.io/apimachinery says them. */
export function validateLabelSelector(
  selector: LabelSelector,
  path: string,
): readonly StatusCause[] {
  const causes = [...validateLabels(selector.matchLabels ?? {}, `${path}.matchLabels`)];
  for (const [i, { key, operator, values = [] }] of (selector.matchExpressions ?? []).entries()) {
    const at = `${path}.matchExpressions[${i}]`;
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0) {
        const detail = "must be specified when `operator` is 'In' or 'NotIn'";
        causes.push(fieldError.required(`${at}.values`, detail));
      }
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0) {
        const detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
        causes.push(fieldError.forbidden(`${at}.values`, detail));
      }
    } else {
      causes.push(fieldError.invalid(`${at}.operator`, operator, 'not a valid selector operator'));
    }
    for (const [j, value] of values.entries()) {
      for (const message of labelValueErrors(value)) {
        causes.push(fieldError.invalid(`${at}.values[${j}]`, value, message));
      }
    }
    for (const message of qualifiedNameErrors(key)) {
      causes.push(fieldError.invalid(`${at}.key`, key, message));
    }
  }
  return causes;
}
