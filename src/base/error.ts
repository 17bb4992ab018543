/** The one error type. Adapters wrap what they catch in it at the port, with the world's words redacted where they may hold a secret. */
import { errorCodes, type ErrorCodeName, type Retry } from './error-codes.ts';

export class FairleadError extends Error {
  readonly code: ErrorCodeName;
  /** Facts for machines: never a secret, always JSON. */
  readonly data: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCodeName, message: string, options: { cause?: unknown; data?: Record<string, unknown> } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'FairleadError';
    this.code = code;
    this.data = options.data ?? {};
  }

  get retry(): Retry {
    return errorCodes[this.code].retry;
  }
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
