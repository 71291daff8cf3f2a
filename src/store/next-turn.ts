/** Resolves after the callbacks and promises of this turn of the event loop have run. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
