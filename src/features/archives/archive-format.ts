/** Name and version of what an archive looks like; `docs/archives.md` describes it. */
export const ARCHIVE_FORMAT = "rowhouse-archive";
export const ARCHIVE_VERSION = 1;
