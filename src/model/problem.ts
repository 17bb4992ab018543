/** An error as an RFC 9457 problem document. */
import { errorCodes } from '../base/error-codes.ts';
import type { FairleadError } from '../base/error.ts';
import type { Problem } from './resource.ts';

/** `path`: what was asked for, without its query. */
export function problemOf(error: FairleadError, path: string): Problem {
  const entry = errorCodes[error.code];
  return {
    type: `urn:fairlead:error:${error.code}`,
    title: error.code,
    status: entry.status,
    detail: error.message,
    instance: path.slice(0, 500),
    code: error.code,
    next: typeof error.data['next'] === 'string' ? error.data['next'] : entry.help,
  };
}
