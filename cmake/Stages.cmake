# generated/stage_list.h: PP_STAGE_ITEM(name) for each file in stages/, in the order of the names.
file(GLOB pp_stage_files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/stages/*.c)
set(text "/* Made by cmake/Stages.cmake: one line a file in stages/. */\n")
foreach(file IN LISTS pp_stage_files)
  get_filename_component(name ${file} NAME_WE)
  string(APPEND text "PP_STAGE_ITEM(${name})\n")
endforeach()
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/stage_list.h CONTENT "${text}" @ONLY)
