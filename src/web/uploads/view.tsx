import type { Page } from '../shell/page.ts';

export function UploadsView(_: { readonly page: Page }) {
  return <p class="hint centred">…</p>;
}
