/** Provenance: where one resolved field of a Service has its value from, and which values it overrode. */
export interface Provenance {
  /** `spec.limits.callTimeout` */
  readonly field: string;
  readonly value: unknown;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** `Service files`, `ServiceTemplate node-stdio`, `Lock files`, or `default`. */
  readonly from: string;
  readonly overrides: readonly {
    readonly value: unknown;
    readonly file: string;
    readonly line: number;
    readonly column: number;
    readonly from: string;
  }[];
}
