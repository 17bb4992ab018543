/**
 * Inheritance of plain trees: maps merge deeply, scalars replace, lists of named objects merge by `name`, other lists
 * replace, `null` deletes. Nothing is changed in place.
 */
import { isMap, type Segment } from './place.ts';

/** What lies under these names is data for the service, in which null is a value like any other. */
const dataFields: ReadonlySet<string> = new Set(['arguments', 'equals', 'params']);

/** `over` laid upon `base`. */
export function mergeTrees(base: unknown, over: unknown, data = false): unknown {
  if (isMap(over)) {
    const merged: Record<string, unknown> = isMap(base) ? { ...base } : {};
    for (const [key, value] of Object.entries(over)) {
      const inData = data || dataFields.has(key);
      if (value === null && !inData) delete merged[key];
      else merged[key] = mergeTrees(merged[key], value, inData);
    }
    return merged;
  }
  if (Array.isArray(over)) {
    if (!data && Array.isArray(base) && namedList(base) && namedList(over)) return mergeNamed(base, over);
    return over.map((item: unknown) => (item !== null && typeof item === 'object' ? mergeTrees(undefined, item, data) : item));
  }
  return over;
}

type Named = Readonly<Record<string, unknown>> & { readonly name: string };

/** True for a list whose entries are all objects with a text `name` (and not for an empty one, which replaces). */
export function namedList(list: readonly unknown[]): list is readonly Named[] {
  return list.length > 0 && list.every((item) => isMap(item) && typeof item['name'] === 'string');
}

function mergeNamed(base: readonly Named[], over: readonly Named[]): unknown[] {
  const merged = new Map<string, unknown>(base.map((item) => [item.name, item]));
  const seen = new Set<string>();
  const again: unknown[] = [];
  for (const item of over) {
    // A name that is there twice is a mistake; it must not vanish by being merged into itself.
    if (seen.has(item.name)) again.push(item);
    else merged.set(item.name, mergeTrees(merged.get(item.name), item));
    seen.add(item.name);
  }
  return [...merged.values(), ...again];
}

/**
 * The path under which a layer holds what the merged tree has at `path`, or null when the layer does not speak of it.
 * The two differ only in lists merged by name, whose entries stand at other positions.
 */
export function pathInLayer(layer: unknown, merged: unknown, path: readonly Segment[]): Segment[] | null {
  const found: Segment[] = [];
  let inLayer = layer;
  let inMerged = merged;
  for (const segment of path) {
    let own: Segment = segment;
    if (typeof segment === 'number' && Array.isArray(inLayer) && Array.isArray(inMerged) && namedList(inLayer) && namedList(inMerged)) {
      const name = inMerged[segment]?.name;
      if (inLayer[segment]?.name !== name) own = inLayer.findIndex((item) => item.name === name);
    }
    if (inLayer === null || typeof inLayer !== 'object' || !Object.hasOwn(inLayer, own)) return null;
    found.push(own);
    inLayer = (inLayer as Record<Segment, unknown>)[own];
    inMerged = inMerged !== null && typeof inMerged === 'object' ? (inMerged as Record<Segment, unknown>)[segment] : undefined;
  }
  return found;
}
