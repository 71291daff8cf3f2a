import type { Status } from '../../api/index.ts';

/** The answer to a POST that creates no object of its own. */
export const createdStatus: Status = {
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Success',
  code: 201,
};
