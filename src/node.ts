/** Sluice for Node: all of `sluice`, with TCP, the stores and the server. */

export * from './client/connect.ts';
export * from './client/file-content.ts';
export * from './index.ts';
export * from './runtime/access.ts';
export * from './runtime/attend.ts';
export * from './runtime/credit.ts';
export * from './runtime/limits.ts';
export type { Calls } from './runtime/perform.ts';
export * from './server/access-file.ts';
export * from './server/event.ts';
export * from './server/serve.ts';
export * from './server/stats.ts';
export type * from './store/contract.ts';
export * from './store/contract-suite.ts';
export { crc32 } from './store/crc32.ts';
export * from './store/disk-store.ts';
export * from './store/memory-store.ts';
export * from './store/quotas.ts';
export { type Quota, type QuotaStore, type QuotaUse, withQuotas } from './store/quotas.ts';
export type * from './transport/listen.ts';
export * from './transport/memory-pair.ts';
export * from './transport/socket-connection.ts';
export * from './transport/tcp.ts';
export * from './transport/tls.ts';
export type * from './transport/tls-credentials.ts';
export * from './transport/udp.ts';
export * from './transport/unix.ts';
