'use strict';
/** Answers that tell what went wrong, as RFC 9457 has them. */

const problemFields = 'content-type: application/problem+json\r\n';

/** An error that becomes an answer with this status. */
class HttpError extends Error {
  constructor(status, title, detail) {
    super(detail);
    this.status = status;
    this.title = title;
  }
}

/** For what a function threw: the stack goes to the log and never to the caller. */
function sendProblem(response, error, id) {
  const status = statusOf(error);
  if (response.finished || response.gone) return;
  if (status >= 500) console.error(`Request ${id} failed: ${error?.stack ?? String(error)}`);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const ours = status >= 500 ? 'The function failed' : 'The function refused the request';
  const detail = error instanceof Error ? error.message : String(error);
  refuse(response, { status, title: error?.title ?? ours, detail });
}

/** `fields` are further lines of the head. */
function refuse(response, { status, title, detail, fields = '' }) {
  const problem = { type: 'about:blank', title, status, detail };
  response.send(status, `${problemFields}${fields}`, JSON.stringify(problem));
}

function statusOf(error) {
  const status = error?.status ?? error?.statusCode;
  return Number.isInteger(status) && status >= 400 && status <= 599 ? status : 500;
}

module.exports = { HttpError, sendProblem, refuse };
