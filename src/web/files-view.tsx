/** The files of the server, and what is being uploaded beside them. */
import { BrowseView } from './browse/view.tsx';
import type { Page } from './shell/page.ts';
import { UploadsView } from './uploads/view.tsx';

export function FilesView({ page }: { readonly page: Page }) {
  return (
    <div class="files">
      <BrowseView page={page} />
      <UploadsView page={page} />
    </div>
  );
}
