/** A signal that aborts when its scope is left: for what must outlive the work that uses it. */
export function openLifetime(): Disposable & { readonly signal: AbortSignal } {
  const end = new AbortController();
  return {
    signal: end.signal,
    [Symbol.dispose]: () => end.abort(new Error('Closed')),
  };
}
