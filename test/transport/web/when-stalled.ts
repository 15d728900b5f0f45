/** Looks that find the same, one after the other: the connection doubles the time between them. */
const SAME_LOOKS = 6;

/**
 * Resolves when a connection has looked several times in a row how much waits in its WebSocket, and nothing has left it
 * meanwhile: everything on the way to the peer is full.
 */
export const whenStalled = (socket: { readonly bufferedAmount: number }): Promise<void> =>
  new Promise((resolve) => {
    const before = { amount: 0, looks: 0 };
    Object.defineProperty(socket, 'bufferedAmount', {
      get() {
        const amount = Reflect.get(Object.getPrototypeOf(socket), 'bufferedAmount', socket) as number;
        before.looks = amount > 0 && amount === before.amount ? before.looks + 1 : 0;
        before.amount = amount;
        if (before.looks === SAME_LOOKS) resolve();
        return amount;
      },
    });
  });
