/** Templates: the line of layers that a Service inherits from, and what they declare together. */
import type { IssueCode } from '../model/issue-codes.ts';
import type { Issue } from '../model/issue.ts';
import { locateInManifest, specOf, type Manifest } from './manifest-file.ts';
import { mergeTrees } from './merge.ts';
import { declareParams, type Declarations } from './params.ts';
import { toIssue, type Finding } from './schema.ts';
import { nearest } from './suggest.ts';

/** What a list of `extends` comes to. Built once for all Services with the same list, kept while no layer changes. */
export interface Inheritance {
  /** Templates from the first to be applied to the last. */
  readonly layers: readonly Manifest[];
  /** The layers' specs merged, without `extends`; nulls are gone. */
  readonly spec: Readonly<Record<string, unknown>>;
  readonly declarations: Declarations;
  /** Why it cannot be used, if so; its path is within the Manifest that extends. */
  readonly problems: readonly Finding[];
}

export type TemplateIndex = ReadonlyMap<string, readonly Manifest[]>;

/** The names in a Manifest's `extends`; what is not text in it is the schema's to refuse. */
export function extendsOf(manifest: Manifest): readonly string[] {
  const list = specOf(manifest)['extends'];
  return Array.isArray(list) ? list.filter((name) => typeof name === 'string') : [];
}

/** Resolves a list of template names, left to right. A template that several others extend is applied once, where it comes first. */
export function inherit(names: readonly string[], templates: TemplateIndex): Inheritance {
  const layers: Manifest[] = [];
  const problems: Finding[] = [];
  const visit = (name: string, trail: readonly string[], position: number) => {
    const report = (code: IssueCode, message: string, more: Partial<Finding> = {}) =>
      problems.push({ code, severity: 'error', message, path: ['spec', 'extends', position], ...more });
    const chain = [...trail, name].join(' → ');
    if (trail.includes(name))
      return report(
        'TemplateCycle',
        `Templates extend each other in a circle: ${[...trail.slice(trail.indexOf(name)), name].join(' → ')}.`,
      );
    const [template, second] = templates.get(name) ?? [];
    if (template === undefined) {
      const near = nearest(name, templates.keys());
      return report(
        'UnknownTemplate',
        `There is no ServiceTemplate \`${name}\`${trail.length > 0 ? ` (${chain})` : ''}.`,
        near === null ? {} : { suggestion: near },
      );
    }
    if (second !== undefined)
      return report('InvalidTemplate', `There are two ServiceTemplates \`${name}\`: ${place(template)} and ${place(second)}.`);
    if (!template.valid) {
      const first = template.issues.find((issue) => issue.severity === 'error')!;
      return report(
        'InvalidTemplate',
        `The ServiceTemplate \`${name}\` is not valid: ${first.file}:${first.line}:${first.column} ${first.message}`,
        {
          expected: `a valid ServiceTemplate \`${name}\` (${place(template)})`,
        },
      );
    }
    if (layers.includes(template)) return undefined;
    for (const parent of extendsOf(template)) visit(parent, [...trail, name], position);
    layers.push(template);
    return undefined;
  };
  for (const [position, name] of names.entries()) visit(name, [], position);
  let spec: unknown = {};
  for (const layer of layers) spec = mergeTrees(spec, specOf(layer));
  const { extends: _, ...merged } = spec as Record<string, unknown>;
  return { layers, spec: merged, declarations: declareParams(layers.map((layer) => layer.value['params'])), problems };
}

/** Issues of the templates as such: two of one name, or a line of `extends` that leads nowhere. */
export function templateIssues(templates: TemplateIndex): Issue[] {
  const issues: Issue[] = [];
  for (const [name, manifests] of templates) {
    for (const manifest of manifests) {
      const locate = () => locateInManifest(manifest);
      if (manifests.length > 1) {
        const others = manifests.filter((other) => other !== manifest).map(place);
        issues.push(
          toIssue(
            {
              code: 'DuplicateTemplate',
              severity: 'error',
              message: `The ServiceTemplate \`${name}\` is also declared in ${others.join(', ')}.`,
              path: ['metadata', 'name'],
            },
            manifest.file,
            locate(),
            name,
          ),
        );
      }
      const parents = extendsOf(manifest);
      if (!manifest.valid || parents.length === 0) continue;
      for (const problem of inherit(parents, templates).problems) issues.push(toIssue(problem, manifest.file, locate(), name));
    }
  }
  return issues;
}

/** `file:line` of a Manifest. */
export function place(manifest: Manifest): string {
  return `${manifest.file}:${manifest.line}`;
}
