/** An Issue: something about a manifest, with its place. Errors keep the Service from being applied; warnings and notes do not. */
export interface Issue {
  /** Stable, CamelCase: `UnknownField`, `DuplicateKey`, `DependencyCycle` … */
  readonly code: string;
  readonly severity: 'error' | 'warning' | 'note';
  readonly message: string;
  /** Relative to the source's root. */
  readonly file: string;
  /** 1-based; column counts UTF-16 units. */
  readonly line: number;
  readonly column: number;
  /** `spec.limits.memory`; empty for the whole document. */
  readonly path: string;
  readonly expected?: string;
  readonly suggestion?: string;
  /** The Service or ServiceTemplate it concerns, when that is known. */
  readonly subject?: string;
}
