/** Has the browser save bytes as a file. */
import type { SideName } from '../data/page-data.ts';

/** Milliseconds after which a browser has begun to read what it saves. */
const READ_MS = 60_000;

export function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), READ_MS);
}

/** @example followedName('/tmp/trace.pcap', 0, 'client') // 'trace-0-client.bin' */
export function followedName(capture: string, conversation: number, side: SideName): string {
  const [base = ''] = capture.split(/[/\\]/).slice(-1);
  const stem = base.replace(/\.(gz|zst)$/, '').replace(/\.[^.]*$/, '');
  return `${stem || 'capture'}-${conversation}-${side}.bin`;
}
