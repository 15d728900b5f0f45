/** Waits for an answer no longer than one wants to. */

/** The value of the promise, or `otherwise` when the promise takes too long. */
export async function withTimeout<T>(milliseconds: number, what: Promise<T>, otherwise: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<T>((resolve) => {
    timer = setTimeout(() => resolve(otherwise), milliseconds).unref();
  });
  try {
    return await Promise.race([what, late]);
  } finally {
    clearTimeout(timer);
  }
}
