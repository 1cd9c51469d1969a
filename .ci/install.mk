# install.mk: where the files go. `install` is for people; `install-lua`, its Lua half, is for LuaRocks, which has no
# place for C libraries.

.PHONY: install install-lua install-c uninstall

INSTALL ?= install
HEADERS := src/core/fusioo.h src/core/fusioo_files.h src/core/fusioo_oauth.h
INSTALL_LUA := $(LUA_SRC:lua/%=$(DESTDIR)$(LUA_LMOD)/%)
# Other files of the emulator (templates of its configuration) live beside its Lua files.
DATA_SRC := $(filter-out %.lua,$(shell find lua -type f 2>/dev/null))
INSTALL_DATA := $(DATA_SRC:lua/%=$(DESTDIR)$(LUA_LMOD)/%)

# Where the modules are found later: LuaRocks moves them from the rock's folder (its PREFIX) to the tree's own.
ROCKS_TREE := $(if $(findstring /lib/luarocks/rocks-,$(PREFIX)),$(firstword $(subst /lib/luarocks/rocks-, ,$(PREFIX))))
FOUND_LMOD := $(if $(ROCKS_TREE),$(ROCKS_TREE)/share/lua/$(LUA_ABI),$(LUA_LMOD))
FOUND_CMOD := $(if $(ROCKS_TREE),$(ROCKS_TREE)/lib/lua/$(LUA_ABI),$(LUA_CMOD))

install: install-lua install-c ## install under PREFIX (/usr/local), DESTDIR before it; LUA_LMOD, LUA_CMOD: where modules go

install-lua: module
	@set -e; for file in $(LUA_SRC:lua/%=%) $(DATA_SRC:lua/%=%); do \
		$(INSTALL) -d "$(DESTDIR)$(LUA_LMOD)/$$(dirname $$file)"; \
		$(INSTALL) -m 644 lua/$$file "$(DESTDIR)$(LUA_LMOD)/$$file"; \
	done
	$(INSTALL) -d '$(DESTDIR)$(LUA_CMOD)/fusioo' '$(DESTDIR)$(BINDIR)'
	$(INSTALL) -m 755 $(MODULE) '$(DESTDIR)$(LUA_CMOD)/fusioo/core.so'
	sed -e 's|@LUA@|$(LUA)|' -e 's|@LMOD@|$(FOUND_LMOD)|g' -e 's|@CMOD@|$(FOUND_CMOD)|g' .ci/fusioo-emulator.in \
		> '$(DESTDIR)$(BINDIR)/fusioo-emulator'
	chmod 755 '$(DESTDIR)$(BINDIR)/fusioo-emulator'

install-c: $(LIB)
	$(INSTALL) -d '$(DESTDIR)$(LIBDIR)/pkgconfig' '$(DESTDIR)$(INCLUDEDIR)'
	$(INSTALL) -m 644 $(LIB) '$(DESTDIR)$(LIBDIR)/libfusioo.a'
	$(INSTALL) -m 644 $(HEADERS) '$(DESTDIR)$(INCLUDEDIR)'
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' \
		-e 's|@VERSION@|$(VERSION)|' .ci/fusioo.pc.in > '$(DESTDIR)$(LIBDIR)/pkgconfig/fusioo.pc'

uninstall: ## remove what install wrote (same variables)
	rm -f $(INSTALL_LUA) $(INSTALL_DATA) '$(DESTDIR)$(LUA_CMOD)/fusioo/core.so' '$(DESTDIR)$(BINDIR)/fusioo-emulator' \
		'$(DESTDIR)$(LIBDIR)/libfusioo.a' $(HEADERS:src/core/%='$(DESTDIR)$(INCLUDEDIR)/%') '$(DESTDIR)$(LIBDIR)/pkgconfig/fusioo.pc'
	-rmdir '$(DESTDIR)$(LUA_LMOD)/fusioo/emulator' '$(DESTDIR)$(LUA_LMOD)/fusioo' '$(DESTDIR)$(LUA_CMOD)/fusioo' 2>/dev/null
