@echo off
rem envmgr shim (`envmgr reshim` rewrites it)
setlocal DisableDelayedExpansion
if defined ENVMGR_SHIM goto loop
set "ENVMGR_SHIM=:"
if defined ENVMGR_HOME set "ENVMGR_SHIM=h:"
if not defined ENVMGR_HOME set "ENVMGR_HOME=@HOME@"
if exist "@PYTHON@" if exist "@SITE@\envmgr\__init__.py" goto own
for %%I in (envmgr.cmd envmgr.bat envmgr.exe) do if not "%%~$PATH:I"=="" set "ENVMGR_SHIM_PROGRAM=%%~$PATH:I"
if not defined ENVMGR_SHIM_PROGRAM goto gone
rem By its path, as cmd.exe searches the working directory first.
"%ENVMGR_SHIM_PROGRAM%" exec --shim "@COMMAND@" -- %*
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
