// Paths as the daemon, Live and people write them.

/** The last part of a path of any system. */
function file_name(path) {
  return path.split(/[/\\]/).pop();
}

/** As Live wants a path: with slashes, on Windows too. */
function posix_path(path) {
  return /^[A-Za-z]:\\/.test(path) ? path.replace(/\\/g, "/") : path;
}

/** Whether two spellings of a path are the same: macOS takes accents apart, Max names the disk first. */
function same_file(path, other) {
  const spelt = (text) => posix_path(text).normalize("NFC").replace(/^[^/]*:(?=\/)/, "");
  return path !== "" && spelt(path) === spelt(other);
}
