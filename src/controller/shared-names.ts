/** What is said of a name that more than one source declares: each is told of the other, and which of them counts. Pure. */
import type { Issue } from '../model/issue.ts';
import type { DeclaredAt } from './source-declarations.ts';

export interface Contender {
  readonly source: string;
  readonly place: DeclaredAt;
}

/** The source that a Service runs from; `silent` when it is not known whether it declares the Service still. */
export interface Owner {
  readonly source: string;
  readonly silent: boolean;
}

/** The Issue that `source` gets about a name that it declares; null when it alone has a say in it. */
export function sharedNameIssue(name: string, source: string, contenders: readonly Contender[], owner: Owner | null): Issue | null {
  const own = contenders.find((contender) => contender.source === source);
  const others = contenders.filter((contender) => contender !== own);
  if (own === undefined || (others.length === 0 && (owner?.silent !== true || owner.source === source))) return null;
  const keeps = owner?.source === source;
  const { file, line } = own.place;
  return {
    code: 'DuplicateService',
    severity: keeps ? 'warning' : 'error',
    message: `The Service \`${name}\` ${reason(others, contenders, keeps, owner)}`,
    file,
    line,
    column: 1,
    path: 'metadata.name',
    expected: 'a name of its own',
    subject: name,
  };
}

function reason(others: readonly Contender[], all: readonly Contender[], keeps: boolean, owner: Owner | null): string {
  if (owner?.silent === true && !keeps)
    return `runs from source ${owner.source}, which cannot be read now; this one is not taken until it is known to be gone there.`;
  const also = `is also declared in ${others.map(({ source, place }) => `${place.file}:${place.line} of source ${source}`).join(', ')}`;
  if (keeps) return `${also}; this one is kept, for it runs from here, and the other is refused.`;
  if (all.some(({ source }) => source === owner?.source))
    return `${also}; it runs from source ${owner!.source}, and this one is not taken until that one is gone.`;
  return `${also}; neither is taken.`;
}
