/** The controller's own settings file (`fairlead.yaml`, kind Controller), read and checked like any manifest. */
import type { IssueCode } from '../model/issue-codes.ts';
import type { ControllerManifest } from '../model/gen/controller.ts';
import type { Issue } from '../model/issue.ts';
import { readManifestFile } from './manifest-file.ts';
import { defaultMaxDeletions, type MaxDeletions } from './prune.ts';

export interface Address {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
}

export interface ControllerSettings {
  readonly sourceName: string;
  /** Relative to the settings file; null: the folder that holds it. */
  readonly sourcePath: string | null;
  readonly gateway: Address;
  readonly status: Address;
  /** Relative to the settings file; null: `.fairlead` in the source's folder. */
  readonly dataDir: string | null;
  readonly maxDeletions: MaxDeletions;
}

export const defaultControllerSettings: ControllerSettings = {
  sourceName: 'folder',
  sourcePath: null,
  gateway: { host: '127.0.0.1', port: 7400 },
  status: { host: '127.0.0.1', port: 7401 },
  dataDir: null,
  maxDeletions: defaultMaxDeletions,
};

/** Reads a settings file. `settings` is null when it has an error; `issues` says which, at `path`. */
export function readControllerSettings(
  path: string,
  bytes: Uint8Array,
): { readonly settings: ControllerSettings | null; readonly issues: readonly Issue[] } {
  const file = readManifestFile(path, bytes);
  const issues = [...file.issues];
  const manifests = file.manifests.filter((manifest) => manifest.kind === 'Controller');
  const [manifest] = manifests;
  const fail = (code: IssueCode, message: string, line: number) =>
    issues.push({ code, severity: 'error', message, file: path, line, column: 1, path: '' });
  if (manifest === undefined && !issues.some((issue) => issue.severity === 'error')) fail('MissingField', 'The file holds no settings.', 1);
  else if (manifests.length > 1) fail('DuplicateSettings', 'The file holds more than one document of kind Controller.', manifests[1]!.line);
  if (manifest === undefined || issues.some((issue) => issue.severity === 'error')) return { settings: null, issues };
  const { spec } = manifest.value as unknown as ControllerManifest;
  const source = spec.sources?.[0];
  const gateway = addressOf(spec.listeners?.gateway) ?? defaultControllerSettings.gateway;
  const status = addressOf(spec.listeners?.status) ?? defaultControllerSettings.status;
  for (const { port } of [gateway, status]) if (port > 65_535) fail('OutOfRange', `${port} is not a port.`, manifest.line);
  const settings = {
    sourceName: source?.name ?? defaultControllerSettings.sourceName,
    sourcePath: source?.path ?? null,
    gateway,
    status,
    dataDir: spec.dataDir ?? null,
    maxDeletions: maxDeletionsOf(spec.prune?.maxDeletions),
  };
  return { settings: issues.some((issue) => issue.severity === 'error') ? null : settings, issues };
}

/** Host and port of `127.0.0.1:7400` or `[::1]:7400`; null when it is no address. */
export function addressOf(text: string | undefined): Address | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s[\]/]+)):([0-9]{1,5})$/.exec(text ?? '');
  return match === null ? null : { host: match[1] ?? match[2]!, port: Number(match[3]) };
}

function maxDeletionsOf(value: number | string | undefined): MaxDeletions {
  if (value === undefined) return defaultMaxDeletions;
  return typeof value === 'number' ? { count: value } : { share: Number(value.replace('%', '')) / 100 };
}
