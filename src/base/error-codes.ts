/**
 * Every error code that Fairlead can show, once: the HTTP status and CLI exit code it maps to and whether trying again helps.
 * A code is stable: people search for it and scripts match on it. docs/error-codes.md is generated from here.
 */
export type Retry = 'backoff' | 'after' | 'never';

export interface ErrorCode {
  /** What it means and what to do next, in one or two sentences. */
  readonly help: string;
  readonly status: number;
  /** CLI exit code: 1 failed or invalid, 2 usage, 3 controller not reachable, 4 refused, 5 timed out. */
  readonly exit: number;
  readonly retry: Retry;
}

const code = (help: string, status = 500, exit = 1, retry: Retry = 'never'): ErrorCode => ({ help, status, exit, retry });

export const errorCodes = {
  // general
  Internal: code('A defect in Fairlead itself. Please report it with the log.', 500),
  Usage: code('The command line is not right; see --help.', 400, 2),
  Unreachable: code(
    'No controller answers there. Start one with `fairlead up`, or name a running one with --server or --data-dir.',
    503,
    3,
    'backoff',
  ),
  Refused: code('The request was understood and refused; the message says why.', 409, 4),
  SourceMoved: code(
    'Somebody else changed the source at the same moment, several times over. Nothing was written; plan again.',
    409,
    4,
    'backoff',
  ),
  SourceUnreachable: code(
    'The server of a git source did not answer, or broke off, while a change was pushed to it. The message says what is known of the branch.',
    502,
    1,
    'backoff',
  ),
  TimedOut: code(
    'It did not finish in the time given. It goes on; look again with `fairlead rollout status` or wait longer.',
    504,
    5,
    'after',
  ),
  NotFound: code('There is no such thing here; the message names what there is.', 404),
  ReadOnly: code(
    'The status API only reads. Change a manifest in the source (`fairlead apply`), or operate with the command line on the machine itself.',
    405,
    4,
  ),
  ForeignHost: code('The Host or Origin header names another place than this one; use the address that `fairlead up` printed.', 403, 4),
  PostOnly: code('Deliveries of webhooks are sent by POST, and nothing else is answered here.', 405, 4),
  SignatureRefused: code(
    'The delivery is not signed with the secret of this hook, or was signed too long ago. Give the forge and `webhooks.sources` the same secret.',
    401,
    4,
  ),
  BodyTooLarge: code('The body is larger than is read here.', 413),
  SecretUnavailable: code('The environment variable or file that a secret is to be read from is missing or empty.', 503, 1, 'backoff'),
  Overloaded: code('Too many requests or streams at once; wait a moment.', 503, 3, 'backoff'),
  RequestTooSlow: code('The request was not sent in time.', 408, 3, 'backoff'),
  // starting and running an Instance
  CommandNotFound: code('The executable named in run.command was not found. Check the name, run.cwd and PATH.', 502),
  StartFailed: code('The process could not be started; the message carries the reason from the operating system.', 502, 1, 'backoff'),
  ExitedEarly: code('The process ended before it completed the MCP handshake; the last lines of its stderr are shown.', 502, 1, 'backoff'),
  Exited: code('The process ended while it was serving.', 502, 1, 'backoff'),
  HandshakeTimeout: code('The process did not complete the MCP handshake within limits.startTimeout.', 504, 1, 'backoff'),
  HandshakeFailed: code('The service answered the MCP handshake with an error or in a way that is not MCP.', 502, 1, 'backoff'),
  ConnectFailed: code('No connection to the endpoint could be made.', 502, 1, 'backoff'),
  PortTaken: code('The port that the service must listen on is in use by something else.', 409, 1, 'backoff'),
  SandboxUnavailable: code(
    'run.sandbox: basic needs setpriv and prlimit (util-linux), which are not here. Install them, or declare `sandbox: none`.',
    501,
  ),
  AddressRefused: code(
    'The remote endpoint is at a private, loopback, link-local or metadata address. Declare run.allowPrivate if that is meant.',
    403,
  ),
  CheckFailed: code('A health check got an answer other than the one its manifest expects.', 502),
  ProtocolViolation: code('The service sent what is not MCP JSON-RPC, more often than is tolerated.', 502, 1, 'backoff'),
  MessageTooLarge: code('A message was larger than limits.maxMessageBytes.', 413),
  HostLost: code('The host process ended; its Instances are started again.', 503, 1, 'backoff'),
  // calls through the gateway
  UpstreamLost: code('The service went away while the call was under way. Safe to try again if the tool is idempotent.', 502, 1, 'backoff'),
  UpstreamMalformed: code('The service answered with what is not a JSON-RPC response.', 502),
  CallTimedOut: code('The service did not answer within limits.callTimeout.', 504, 5, 'after'),
  Cancelled: code('The client cancelled the request.', 499),
  ServiceUnavailable: code(
    'The service has no Instance that may be called now, and none came up within limits.callTimeout.',
    503,
    1,
    'backoff',
  ),
  NoPreview: code(
    'No Revision is on the preview route now, or no longer the one that the session was with. There is one while a blue-green Rollout waits to be promoted; see `fairlead rollout status`.',
    404,
    1,
    'after',
  ),
  ToolQuarantined: code(
    'What the service offers changed without a commit, so the tool is hidden and refused. Approve the change with `fairlead lock`, or take it back in the service.',
    403,
    4,
  ),
  TooManyCalls: code('limits.maxConcurrentCalls are under way and the waiting line is full.', 429, 1, 'backoff'),
  // forges
  ForgeUnauthorized: code('The forge does not accept the token: it is wrong, expired or revoked. Make a new one.', 502),
  ForgeForbidden: code('The token may not do that. It must be allowed to write pull requests and commit statuses of this repository.', 502),
  ForgeNotFound: code('The forge has no such repository, pull request or commit, or does not show it to this token.', 502),
  ForgeRefused: code('The forge understood the request and refused it; the message carries its words.', 502),
  ForgeLimited: code(
    'The forge has had too many requests and wants to be left alone for a while. It is asked again later.',
    503,
    1,
    'backoff',
  ),
  ForgeUnreachable: code('The forge did not answer, answered with a failure of its own, or with what is not its API.', 502, 1, 'backoff'),
  // store
  StoreLocked: code('Another Fairlead has this data directory open. Stop it, or use another --data-dir.', 503, 4, 'backoff'),
  StoreDamaged: code(
    'The database is torn or not a Fairlead database. Nothing was changed. Restore a backup with `fairlead restore`.',
    500,
  ),
  StoreTooNew: code('The database was written by a newer Fairlead. Use that version, or restore an older backup.', 500),
  StoreFailed: code('The database could not be read or written; the message carries the reason.', 500, 1, 'backoff'),
  StaleEpoch: code('Another controller has taken over; this one stops writing.', 409, 4),
  DiskFull: code('The disk is full; nothing more can be stored until there is room.', 507, 1, 'backoff'),
} as const satisfies Record<string, ErrorCode>;

export type ErrorCodeName = keyof typeof errorCodes;
