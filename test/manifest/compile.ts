/** Files as text in, what they compile to out; Issues as `code file:line:column path`, which is what tests hold on to. */
import type { Issue } from '../../src/model/issue.ts';
import { compileFiles, type Compiled } from '../../src/manifest/workspace.ts';

export const root = '/srv/manifests';

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function compileTexts(texts: Readonly<Record<string, string | Uint8Array>>): Compiled {
  const files = Object.entries(texts).map(([path, content]) => ({ path, bytes: typeof content === 'string' ? bytesOf(content) : content }));
  return compileFiles(files, { root, snapshot: 's1' });
}

export function brief(issue: Issue): string {
  return `${issue.code} ${issue.file}:${issue.line}:${issue.column}${issue.path === '' ? '' : ` ${issue.path}`}`;
}

/** A Service of five lines; `more` is indented under `spec` and begins on line 6. */
export function service(name: string, more = '', run = `{ command: [node, ${name}.js] }`): string {
  return `apiVersion: fairlead.dev/v1alpha1\nkind: Service\nmetadata: { name: ${name} }\nspec:\n  run: ${run}\n${more}`;
}

/** A ServiceTemplate; `params` stands on line 4, `more` is the spec's text and begins on line 6. */
export function template(name: string, params: string, more: string): string {
  return `apiVersion: fairlead.dev/v1alpha1\nkind: ServiceTemplate\nmetadata: { name: ${name} }\nparams: ${params}\nspec:\n${more}`;
}
