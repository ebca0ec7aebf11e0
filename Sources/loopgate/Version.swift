/// The program's version, as `--version`, `/health` and the birth message tell it.
let loopgateVersion = "0.1.0"
