/** All that the package exports, whichever face exports it: no two of them export the same name. */
export * from '../../src/capture.ts';
export * from '../../src/client.ts';
export * from '../../src/index.ts';
export * from '../../src/node.ts';
export * from '../../src/server.ts';
export * from '../../src/testing.ts';
