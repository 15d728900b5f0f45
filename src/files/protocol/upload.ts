/** The ids of uploads. A client gives an id to content, so that it can continue the upload after an interruption. */

/** The most characters in an upload's id. */
export const UPLOAD_ID_LENGTH_MAX = 64;

export const UPLOAD_ID_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;

/**
 * The id of an upload in a store: the name of its owner, a dot, and the id. So no client can ask about, take over or
 * cancel the upload of another. Up to 129 characters of `A-Z a-z 0-9 _ - .`, the first never a dot.
 *
 * @param owner the name of the principal; '' for the anonymous one.
 * @example uploadKey('alice', 'photo-1') // 'alice.photo-1'
 */
export function uploadKey(owner: string, upload: string): string {
  return owner === '' ? upload : `${owner}.${upload}`;
}
