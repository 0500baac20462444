
__envmgr_unexport() { typeset -g +x "$1"; }

__envmgr_attributes() { print -r -- "${(Pt)1}"; }

__envmgr_hook() {
    if [ "$PWD:$PATH" != "$__envmgr_seen" ] || ! __envmgr_is_nearest || ! __envmgr_is_current; then
        emulate -L zsh
        setopt no_err_exit no_err_return
        __envmgr_update
    fi
}

__envmgr_deactivate() {
    emulate -L zsh
    setopt no_err_exit no_err_return
    precmd_functions=("${(@)precmd_functions:#__envmgr_hook}")
    chpwd_functions=("${(@)chpwd_functions:#__envmgr_hook}")
    (( $#precmd_functions )) || unset precmd_functions
    (( $#chpwd_functions )) || unset chpwd_functions
    __envmgr_restore
}

typeset -ga precmd_functions chpwd_functions
precmd_functions+=(__envmgr_hook)
chpwd_functions+=(__envmgr_hook)
__envmgr_hook
