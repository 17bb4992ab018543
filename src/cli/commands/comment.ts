/** `comment`: puts a plan on a pull request, or in the place of the one that was put there before. For jobs that check pull requests. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { FairleadError, messageOf } from '../../base/error.ts';
import { redact } from '../../base/redact.ts';
import { forgeAddress, guessForge } from '../../model/forge-address.ts';
import type { ForgeKind } from '../../ports/forge.ts';
import type { Context } from '../context.ts';
import { usage } from '../errors.ts';
import { terminalClock } from '../terminal-clock.ts';
import { planMarker } from '../view/plan-markdown.ts';

/** The token comes by the environment alone: arguments can be read by everybody on the machine. */
const tokenVariable = 'FAIRLEAD_FORGE_TOKEN';
const timeoutMs = 30_000;

/** `repository`: the URL of the remote, or of the project's page. */
export async function comment(
  context: Context,
  number: number,
  options: { filename: string; repository: string; forge?: ForgeKind; api?: string },
): Promise<number> {
  const { terminal } = context;
  const token = terminal.env[tokenVariable] ?? '';
  if (token === '')
    throw usage(`The environment variable ${tokenVariable} holds no token.`, 'set it to a token that may write on pull requests');
  const address = forgeAddress(options.repository);
  if (address === null)
    throw usage(`${redact(options.repository)} names no repository on a forge.`, 'such as --repository https://github.com/acme/services');
  const kind = options.forge ?? guessForge(address.host);
  if (kind === null) throw usage(`Which forge ${address.host} is cannot be told by its name.`, 'add --forge github, gitlab or gitea');
  const body = options.filename === '-' ? await terminal.readInput() : read(resolve(terminal.cwd, options.filename));
  const { createForge } = await import('../../forges/forge.ts');
  const settings = { kind, address, token, timeoutMs, ...(options.api === undefined ? {} : { apiUrl: options.api }) };
  const forge = createForge(settings, terminalClock(terminal));
  const text = body.startsWith(planMarker) ? body : `${planMarker}\n${body}`;
  const { created } = await forge.comment(number, planMarker, text).catch((thrown: unknown) => {
    throw options.api === undefined && thrown instanceof FairleadError && thrown.code === 'ForgeUnreachable' ? unfound(thrown) : thrown;
  });
  terminal.out(`${created ? 'commented' : 'updated the comment'} on ${address.path}#${number}\n`);
  return 0;
}

/** Its API was looked for in the usual place, over https. */
function unfound({ message }: FairleadError): FairleadError {
  const next = 'where its API is elsewhere, or does not speak https, say so: --api URL (of Gitea http://HOST:PORT/api/v1)';
  return new FairleadError('ForgeUnreachable', message.replaceAll(/\s+/g, ' '), { data: { next } });
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    throw usage(`The comment could not be read: ${messageOf(thrown)}`, 'fairlead plan --from … -o markdown > plan.md');
  }
}
