/** What is used of jstat, which has no types of its own. */
declare module 'jstat' {
  const jStat: {
    /** The regularised incomplete beta function I_x(a, b). */
    ibeta(x: number, a: number, b: number): number;
    readonly hypgeom: {
      /** P(X ≤ x), X being the marked ones among n drawn from N of which m are marked. */
      cdf(x: number, N: number, m: number, n: number): number;
    };
  };
  export default jStat;
}
