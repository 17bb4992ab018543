/** One Service's Manifest and what it inherits, to a Service. Looks at no other Service. */
import type { Issue } from '../model/issue.ts';
import type { Lock } from '../model/lock.ts';
import type { Origin, Service } from '../model/service.ts';
import type { Locate } from './document.ts';
import type { Inheritance } from './inherit.ts';
import { interpolate } from './interpolate.ts';
import { judge } from './judge.ts';
import { withLock } from './locks.ts';
import { locateInManifest, specOf, type Manifest } from './manifest-file.ts';
import { mergeTrees, pathInLayer } from './merge.ts';
import { normalize } from './normalize.ts';
import { isMap, pathText, valueAt, type Segment } from './place.ts';
import { toIssue, validateDocument, type Finding } from './schema.ts';

export interface Resolved {
  /** null when it has an error, here or in the Manifest itself. */
  readonly service: Service | null;
  /** Issues beyond those of the Manifest itself, at the place that is to blame: maybe in a template. */
  readonly issues: readonly Issue[];
}

/** Merged and filled-in trees of a Service, as far as they could be made. */
export interface ResolvedTrees {
  /** Layers, the Service's own Manifest last. */
  readonly layers: readonly Manifest[];
  /** After inheritance, placeholders still in it; `params` complete with defaults. */
  readonly written: Readonly<Record<string, unknown>>;
  /** After parameters; without `params` and `extends`. */
  readonly spec: Readonly<Record<string, unknown>>;
  readonly params: Readonly<Record<string, unknown>>;
  readonly findings: readonly Finding[];
}

export function resolveTrees(manifest: Manifest, inheritance: Inheritance): ResolvedTrees {
  const chain = [...inheritance.layers.map((layer) => `ServiceTemplate ${layer.name}`), `Service ${manifest.name}`].join(' → ');
  const { extends: _, ...merged } = mergeTrees(inheritance.spec, specOf(manifest)) as Record<string, unknown>;
  const given = isMap(merged['params']) ? merged['params'] : {};
  const values = { ...inheritance.declarations.defaults, ...given };
  const written: Record<string, unknown> = { ...merged, params: values };
  const unset = Object.fromEntries(Object.keys(inheritance.declarations.schemas).map((name) => [name, undefined]));
  const { tree, findings } = interpolate(written, { service: { name: manifest.name }, params: { ...unset, ...values }, chain });
  const { params: filled, ...spec } = tree as Record<string, unknown>;
  const params = isMap(filled) ? filled : {};
  const found = [...findings];
  if (inheritance.problems.length === 0) found.push(...inheritance.declarations.check(params, chain));
  return { layers: [...inheritance.layers, manifest], written, spec, params, findings: found };
}

const driftField = ['migration', 'contract', 'drift'] as const;

/** What a Service is resolved with besides its manifest and what that inherits. */
export interface Setting {
  /** Absolute folder that relative paths start from. */
  readonly root: string;
  readonly origin: Origin;
  /** null: nothing of it is locked. */
  readonly lock: Lock | null;
}

/** Resolves a Service. */
export function resolveService(manifest: Manifest, inheritance: Inheritance, { root, origin, lock }: Setting): Resolved {
  const trees = resolveTrees(manifest, inheritance);
  const findings: Finding[] = [...inheritance.problems, ...trees.findings];
  let service: Service | null = null;
  if (manifest.valid && findings.length === 0) {
    // A document without templates and placeholders has been held against the schema as it stands.
    if (inheritance.layers.length > 0 || manifest.document.text.includes('${'))
      findings.push(...validateDocument('Service', { ...manifest.value, spec: trees.spec }, false));
    if (findings.length === 0) {
      const normalized = normalize(manifest.value['metadata'] as { name: string }, trees.spec, root, origin);
      findings.push(...normalized.findings);
      if (normalized.service !== null) service = withLock(normalized.service, lock, valueAt(trees.spec, driftField) !== undefined);
    }
  }
  findings.push(...judge(trees.spec, trees.written, trees.params));
  if (findings.some((finding) => finding.severity === 'error')) service = null;
  return { service, issues: placeFindings(findings, manifest, trees) };
}

/** Findings about a resolved tree, each at the layer that says what is wrong. */
export function placeFindings(findings: readonly Finding[], manifest: Manifest, trees: ResolvedTrees): Issue[] {
  if (findings.length === 0) return [];
  const locators = new Map<Manifest, Locate>();
  const locatorOf = (layer: Manifest) => {
    const known = locators.get(layer) ?? locateInManifest(layer);
    locators.set(layer, known);
    return known;
  };
  return findings.map((finding) => {
    const blamed = blame(finding.path, trees) ?? { layer: manifest, path: finding.path };
    const issue = toIssue({ ...finding, path: blamed.path }, blamed.layer.file, locatorOf(blamed.layer), manifest.name);
    return { ...issue, path: pathText(finding.path) };
  });
}

/** The last layer that speaks of the field, and the field's path in it; null when none does. */
function blame(path: readonly Segment[], trees: ResolvedTrees): { layer: Manifest; path: readonly Segment[] } | null {
  if (path[0] !== 'spec') return null;
  const inSpec = path.slice(1);
  for (const layer of trees.layers.toReversed()) {
    const found = pathInLayer(specOf(layer), trees.written, inSpec);
    if (found !== null) return { layer, path: ['spec', ...found] };
    // A default is to blame where no layer gives the parameter.
    if (
      inSpec[0] === 'params' &&
      inSpec[1] !== undefined &&
      pathInLayer(layer.value, layer.value, ['params', inSpec[1], 'default']) !== null
    )
      return { layer, path: ['params', inSpec[1], 'default'] };
  }
  return null;
}
