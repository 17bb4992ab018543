/** What `up` runs with: flags over environment over fairlead.yaml over defaults. Refuses what would open the box to the network. */
import { readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { FairleadError } from '../base/error.ts';
import { isLoopback } from '../base/loopback.ts';
import { defaultListeners, hookSettings, sourceSettings } from '../manifest/controller-settings.ts';
import { readManifestFile } from '../manifest/manifest-file.ts';
import { parseShare } from '../manifest/units.ts';
import type { ControllerSpec } from '../model/gen/controller.ts';
import type { SourceSettings } from '../model/source-settings.ts';
import type { Context, UpSettings } from './context.ts';
import { usage } from './errors.ts';
import { address } from './address.ts';

export interface UpOptions {
  readonly config?: string;
  readonly gateway?: UpSettings['gateway'];
  readonly status?: UpSettings['status'];
  readonly insecureListen?: true;
}

export function upSettings(context: Context, path: string | undefined, options: UpOptions): UpSettings {
  const { cwd } = context.terminal;
  const file = options.config === undefined ? null : resolve(cwd, options.config);
  const spec = file === null ? {} : controllerSpec(file, cwd);
  const base = file === null ? cwd : dirname(file);
  const sources = sourcesOf(spec, base, path === undefined ? undefined : resolve(cwd, path));
  const gateway = options.gateway ?? address(spec.listeners?.gateway ?? defaultListeners.gateway)!;
  const status = options.status ?? address(spec.listeners?.status ?? defaultListeners.status)!;
  for (const [name, { host }] of Object.entries({ gateway, status })) {
    if (isLoopback(host) || options.insecureListen) continue;
    throw new FairleadError('Refused', `The ${name} at ${host} would let other machines in, and nothing asks them who they are.`, {
      data: { next: 'listen on 127.0.0.1 behind something that authenticates, or add --insecure-listen if the network is yours alone' },
    });
  }
  if (gateway.port === status.port && status.port !== 0)
    throw usage('The gateway and the status API cannot share a port.', 'give them two with --gateway and --status');
  const { webhooks } = webhooksOf(spec, base, sources);
  if (webhooks !== undefined && webhooks.port !== 0 && [gateway.port, status.port].includes(webhooks.port))
    throw usage('Webhooks need a port of their own.', 'choose another in webhooks.listen');
  // Not in a configured folder: it must stay where it is when sources come and go.
  const home = path === undefined ? base : resolve(cwd, path);
  const dataDir = context.namedDataDir() ?? (spec.dataDir === undefined ? join(home, '.fairlead') : resolve(base, spec.dataDir));
  return { sources, dataDir, gateway, status, ...maxDeletions(spec), ...(webhooks === undefined ? {} : { webhooks }) };
}

/** A folder named on the command line is the only source; else those of the settings; else the folder that they are in. */
function sourcesOf(spec: ControllerSpec, base: string, named: string | undefined): readonly SourceSettings[] {
  const configured = named === undefined ? sourceSettings(spec, base) : [];
  const sources: SourceSettings[] = configured.length > 0 ? configured : [{ kind: 'folder', name: 'folder', path: named ?? base }];
  for (const source of sources) {
    if (source.kind !== 'folder' || statSync(source.path, { throwIfNoEntry: false })?.isDirectory()) continue;
    throw new FairleadError('NotFound', `There is no folder ${source.path}.`, {
      data: { next: 'name the folder that holds your manifests, or make it' },
    });
  }
  return sources;
}

/** Whoever delivers proves by a signature who it is, so this listener may be open to other machines. */
function webhooksOf(spec: ControllerSpec, base: string, sources: readonly SourceSettings[]): Pick<UpSettings, 'webhooks'> {
  const hooks = hookSettings(spec, base);
  if (hooks === null || !sources.some(({ kind }) => kind === 'git')) return {};
  return { webhooks: { ...address(spec.webhooks?.listen ?? defaultListeners.webhooks)!, hooks } };
}

function maxDeletions({ prune }: ControllerSpec): Pick<UpSettings, 'maxDeletions'> {
  const written = prune?.maxDeletions;
  if (written === undefined) return {};
  return { maxDeletions: typeof written === 'number' ? { count: written } : { share: parseShare(written) ?? 1 } };
}

/** The one Controller in a file. Throws NotFound, and Usage with every Issue in it. */
function controllerSpec(path: string, cwd: string): ControllerSpec {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new FairleadError('NotFound', `The settings ${path} cannot be read.`, { cause, data: { next: 'check the path given with -c' } });
  }
  const { manifests, issues } = readManifestFile(relative(cwd, path), bytes);
  const errors = issues.filter(({ severity }) => severity === 'error');
  if (errors.length > 0)
    throw new FairleadError('Usage', `The settings ${path} are not valid.`, {
      data: { issues: errors, next: `fairlead validate ${path}` },
    });
  const [controller, ...more] = manifests.filter(({ kind }) => kind === 'Controller');
  if (controller === undefined || more.length > 0)
    throw usage(`${path} must hold one manifest of kind Controller.`, 'see schemas/controller.schema.json');
  return controller.value['spec'] as ControllerSpec;
}
