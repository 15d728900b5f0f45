/** The client of the file service, for any platform: what it sends, what it fetches, and its faults. */

export type { Backoff } from './base/backoff.ts';
export { type Client, type ClientOptions, createClient } from './client/client.ts';
export { ClientError, type ClientFault, describeFault, isClientFault } from './client/client-fault.ts';
export { blobContent, bytesContent, type Content } from './client/content/content.ts';
export { ContentError, type ContentFault } from './client/content/content-error.ts';
export type { ContentSource } from './client/content/hold-content.ts';
export { type StreamContentOptions, streamContent } from './client/content/stream-content.ts';
export type { ByteStream } from './client/content/stream-source.ts';
export type { Download, GetSettings } from './client/get.ts';
export type { ListSettings, PageSettings } from './client/list.ts';
export type { SentContent } from './client/pipeline/client-request.ts';
export type { UnacknowledgedPutEvent } from './client/pipeline/unacknowledged-put.ts';
export {
  createUnacknowledgedSender,
  type UnacknowledgedSender,
} from './client/pipeline/unacknowledged-sender.ts';
export type { ConnectionPoolOptions, Retry } from './client/pool/pool-options.ts';
export type { PutEvent, PutHooks, PutSettings } from './client/put.ts';
export type {
  ArrivingAnswer,
  RequestSettings,
  WholeAnswer,
} from './client/request.ts';
export type {
  DownloadProgress,
  DownloadTarget,
  PartialDownload,
} from './client/transfers/download-target.ts';
export { createDownloads, type Downloads } from './client/transfers/downloads.ts';
export type { Progress, Uploaded, UploadSettings, UploadsOptions } from './client/transfers/upload.ts';
export { createUploads, type Uploads } from './client/transfers/uploads.ts';
export type { ErrorCode, ServiceFault } from './files/protocol/errors.ts';
export type { FileInfo, Listing, UploadOffset } from './files/protocol/file.ts';
export { explainBadFilename } from './files/protocol/filename.ts';
export type { Ack } from './files/protocol/reply.ts';
export type { RequestId } from './files/protocol/request.ts';
