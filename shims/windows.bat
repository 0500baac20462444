@echo off
rem envmgr shim (`envmgr reshim` rewrites it)
setlocal DisableDelayedExpansion
if defined ENVMGR_SHIM goto loop
set "ENVMGR_SHIM=:"
if defined ENVMGR_HOME set "ENVMGR_SHIM=h:"
if not defined ENVMGR_HOME set "ENVMGR_HOME=@HOME@"
if exist "@PYTHON@" if exist "@SITE@\envmgr\__init__.py" goto own
for %%I in (envmgr.exe envmgr.bat envmgr.cmd) do if not "%%~$PATH:I"=="" goto other
goto gone
:other
envmgr exec --shim "@COMMAND@" -- %*
exit /b %ERRORLEVEL%
:own
"@PYTHON@" -I -c "@START@" "@SITE@" exec --shim "@COMMAND@" -- %*
exit /b %ERRORLEVEL%
:loop
>&2 echo error: cannot run "@COMMAND@": its shim calls itself
>&2 echo hint: run `envmgr reshim` with the envmgr you installed
exit /b 127
:gone
>&2 echo error: cannot run "@COMMAND@": envmgr not found
>&2 echo hint: install envmgr, then run `envmgr reshim`
exit /b 127
