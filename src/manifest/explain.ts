/** Where each resolved field comes from: the layer that wins and those it overrode, with their places. */
import type { Provenance } from '../model/provenance.ts';
import { defaultFields } from './defaults.ts';
import type { Locate } from './document.ts';
import { locateInManifest, specOf, type Manifest } from './manifest-file.ts';
import { pathInLayer } from './merge.ts';
import { isMap, pathText, valueAt, type Segment } from './place.ts';
import type { ResolvedTrees } from './resolve.ts';

/** Every field of a Service in the order of its resolved spec, defaults last; or those at and under `field` (with or without `spec.`). */
export function explainService(trees: ResolvedTrees, field: string | null): Provenance[] {
  const locators = new Map<Manifest, Locate>();
  const locate = (layer: Manifest, path: readonly Segment[]) => {
    const known = locators.get(layer) ?? locateInManifest(layer);
    locators.set(layer, known);
    return { file: layer.file, ...known(path), from: `${layer.kind} ${layer.name}` };
  };
  const resolved = { ...trees.spec, ...(Object.keys(trees.params).length > 0 ? { params: trees.params } : {}) };
  const fields: Provenance[] = [];
  for (const path of leaves(resolved)) {
    const sources: { value: unknown; file: string; line: number; column: number; from: string }[] = [];
    for (const layer of trees.layers.toReversed()) {
      const found = pathInLayer(specOf(layer), trees.written, path);
      if (found !== null) sources.push({ value: valueAt(specOf(layer), found), ...locate(layer, ['spec', ...found]) });
      const parameter = path[0] === 'params' && path.length === 2 ? ['params', path[1]!, 'default'] : null;
      if (parameter !== null && valueAt(layer.value, parameter) !== undefined)
        sources.push({ value: valueAt(layer.value, parameter), ...locate(layer, parameter) });
    }
    const [winner, ...overrides] = sources;
    if (winner !== undefined) fields.push({ field: `spec.${pathText(path)}`, ...winner, value: valueAt(resolved, path), overrides });
  }
  for (const [path, value] of defaultFields(trees.spec))
    fields.push({ field: path, value, file: '', line: 0, column: 0, from: 'default', overrides: [] });
  if (field === null) return fields;
  const wanted = field.startsWith('spec') ? field : `spec.${field}`;
  return fields.filter((entry) => entry.field === wanted || entry.field.startsWith(`${wanted}.`) || entry.field.startsWith(`${wanted}[`));
}

/** Paths of everything that is not a map with something in it, and of the entries of lists of objects. */
function* leaves(value: unknown, path: readonly Segment[] = []): Generator<Segment[]> {
  const entries: Iterable<[Segment, unknown]> | null = isMap(value)
    ? Object.entries(value)
    : Array.isArray(value) && value.some(isMap)
      ? value.entries()
      : null;
  const list = entries === null ? [] : [...entries];
  if (list.length === 0) {
    if (path.length > 0) yield [...path];
    return;
  }
  for (const [segment, item] of list) yield* leaves(item, [...path, segment]);
}
